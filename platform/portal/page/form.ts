import type { Context } from "hono";

/** A field of a form as text; empty if it is missing, repeated or a file. */
export async function field(c: Context, name: string): Promise<string> {
  const values = (await c.req.parseBody({ all: true }))[name];
  return typeof values === "string" ? values : "";
}
