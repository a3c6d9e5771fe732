"""Hires and works by `langchain-mcp-adapters`."""

import asyncio
import re
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def connect(url, key):
    client = MultiServerMCPClient(
        {
            "pinchwork": {
                "transport": "streamable_http",
                "url": url,
                "headers": {"Authorization": f"Bearer {key}"},
            }
        }
    )
    tools = {tool.name: tool for tool in await client.get_tools()}

    async def call(tool, **given):
        return str(await tools[tool].ainvoke(given))

    return call


async def main():
    _, url, poster_key, worker_key = sys.argv
    hire, work = await connect(url, poster_key), await connect(url, worker_key)
    posted = await hire("pinchwork_delegate", need="Count the words", max_credits=10)
    task_id = re.search(r"tk-\w{12}", posted).group()
    assert task_id in await work("pinchwork_pickup")
    assert "delivered" in await work("pinchwork_deliver", task_id=task_id, result="Seven")
    assert "Seven" in await hire("pinchwork_task_detail", task_id=task_id, wait=2)
    assert "approved" in await hire("pinchwork_approve", task_id=task_id, rating=5)


asyncio.run(main())
