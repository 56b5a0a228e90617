/** What a failed request is told: problem details (RFC 9457). */
import type { Context } from "hono";

export const problemTitles = {
  400: "The request is not understood",
  401: "A token is needed",
  403: "The token may not do this",
  404: "There is no such thing, or the token may not see it",
  405: "This cannot be done here",
  409: "The key was used for another request",
  413: "The request is too large",
  415: "The request must be JSON",
  422: "The request cannot be carried out",
  429: "Too many requests",
  500: "The server made a mistake",
  501: "This is not supported",
  503: "The server is busy",
} as const;

export type ProblemStatus = keyof typeof problemTitles;

/** Ends a request with this problem. */
export class Problem extends Error {
  readonly status: ProblemStatus;
  readonly errors: readonly { at: string; message: string }[];
  constructor(status: ProblemStatus, detail: string, errors: Problem["errors"] = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

export function problemOf(c: Context, { status, message: detail, errors }: Problem): Response {
  const body = {
    type: "about:blank",
    title: problemTitles[status],
    status,
    detail,
    ...(errors.length > 0 ? { errors } : {}),
  };
  return c.body(JSON.stringify(body), status, { "content-type": "application/problem+json" });
}

const nul = { address: /%00/, json: /(?<!\\)(?:\\\\)*\\u0000/ };

/** Throws Problem for a character that no database keeps in a text. */
export function refuseNul(form: keyof typeof nul, text: string): void {
  if (!nul[form].test(text)) return;
  throw new Problem(form === "json" ? 422 : 400, "A text has the character NUL, which is in no text here");
}
