/** Conditions of a list, collected with their parameters, and what is looked for in its texts. */
import type { Parameters } from "./store.ts";

export interface Conditions {
  where: string[];
  parameters: Parameters;
  add(condition: string, values?: Parameters): void;
}

export function newConditions(where: string[] = []): Conditions {
  const parameters: Parameters = {};
  return {
    where,
    parameters,
    add(condition, values = {}) {
      where.push(condition);
      Object.assign(parameters, values);
    },
  };
}

/* More would take long, and find nothing that these do not. */
const mostWords = 6;

/** What somebody looks for, each of which must be found. */
export function wordsOf(search: string | undefined): string[] {
  return (search ?? "").split(/\s+/).filter((word) => word !== "").slice(0, mostWords);
}

/** Whether an expression, in lower case, has a text in it, in any case: the parameter is made by `likeOf()`. */
export function isLike(sql: string, parameter: string): string {
  return `${sql} LIKE lower(:${parameter}) ESCAPE '\\'`;
}

export function likeOf(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}
