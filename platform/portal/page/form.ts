import type { Context } from "hono";
import { UsageError } from "../../../common/core/errors.ts";

/** Throws UsageError for what is no form, such as parts of another boundary. */
async function formOf(c: Context) {
  try {
    return await c.req.parseBody({ all: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError("Cannot read this form", "send it again from its page", { cause: error });
  }
}

/** A field of a form as text; empty if it is missing, repeated or a file. */
export async function field(c: Context, name: string): Promise<string> {
  const values = (await formOf(c))[name];
  return typeof values === "string" ? values : "";
}

/** A path of this portal; `/` for anything else, such as `//elsewhere.example`. */
export function nextOf(text: string | undefined): string {
  return text !== undefined && /^\/(?![/\\])[\w\-./?=&%+:]{0,500}$/.test(text) ? text : "/";
}

/** All values of a field that may come several times, in their order, without files. */
export async function fieldList(c: Context, name: string): Promise<string[]> {
  const values = (await formOf(c))[name] ?? [];
  return [values].flat().filter((value) => typeof value === "string");
}
