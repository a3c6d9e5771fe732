import { z } from 'zod';

/** The additional field of a reply when the endpoint's row has warnings (contract section 1). */
export const Warnings = z.object({ warnings: z.array(z.string()).optional() });
export type Warnings = z.output<typeof Warnings>;

export const CapabilitiesResponse = z.object({
  version: z.string(),
  endpoints: z.array(z.object({ method: z.string(), path: z.string() })),
  quick_start: z.array(z.string()),
  docs_url: z.string(),
  openapi_url: z.string(),
});

export const HealthResponse = z.object({ status: z.literal('ok') });

export type HealthResponse = z.infer<typeof HealthResponse>;
export type CapabilitiesResponse = z.infer<typeof CapabilitiesResponse>;
