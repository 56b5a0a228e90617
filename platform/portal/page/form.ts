import type { Context } from "hono";

/** A field of a form as text; empty if it is missing, repeated or a file. */
export async function field(c: Context, name: string): Promise<string> {
  const values = (await c.req.parseBody({ all: true }))[name];
  return typeof values === "string" ? values : "";
}

/** A path of this portal; `/` for anything else, such as `//elsewhere.example`. */
export function nextOf(text: string | undefined): string {
  return text !== undefined && /^\/(?![/\\])[\w\-./?=&%+:]{0,500}$/.test(text) ? text : "/";
}

/** All values of a field that may come several times, in their order, without files. */
export async function fieldList(c: Context, name: string): Promise<string[]> {
  const values = (await c.req.parseBody({ all: true }))[name] ?? [];
  return [values].flat().filter((value) => typeof value === "string");
}
