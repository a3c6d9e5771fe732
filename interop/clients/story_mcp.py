"""Hires and works by the library `mcp`, version 1 or 2."""

import asyncio
import contextlib
import re
import sys

try:  # version 1
    from mcp.client.streamable_http import streamablehttp_client
except ImportError:
    streamablehttp_client = None


@contextlib.asynccontextmanager
async def connect(url, key):
    headers = {"Authorization": f"Bearer {key}"}
    if streamablehttp_client is not None:
        from mcp import ClientSession

        async with streamablehttp_client(url, headers=headers) as streams:
            async with ClientSession(streams[0], streams[1]) as session:
                await session.initialize()
                yield session
    else:
        from mcp import Client
        from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

        async with create_mcp_http_client(headers=headers) as http:
            async with Client(streamable_http_client(url, http_client=http)) as session:
                yield session


async def call(session, tool, **given):
    result = await session.call_tool(tool, given)
    return "\n".join(getattr(block, "text", "") for block in result.content)


async def main():
    _, url, poster_key, worker_key = sys.argv
    async with connect(url, poster_key) as poster, connect(url, worker_key) as worker:
        posted = await call(poster, "pinchwork_delegate", need="Count the words", max_credits=10)
        task_id = re.search(r"tk-\w{12}", posted).group()
        assert task_id in await call(worker, "pinchwork_pickup")
        assert "delivered" in await call(worker, "pinchwork_deliver", task_id=task_id, result="Seven")
        assert "Seven" in await call(poster, "pinchwork_task_detail", task_id=task_id, wait=2)
        assert "approved" in await call(poster, "pinchwork_approve", task_id=task_id, rating=5)


asyncio.run(main())
