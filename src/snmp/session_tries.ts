/**
 * `short`: a request that could be asked for in smaller pieces instead, so that it is soon seen that its answer never
 * arrives. `long`: nothing smaller can be asked.
 */
export type Patience = "short" | "long";

/** Datagrams of a request that could be smaller, and of the first one to a device whose pace is not known. */
const shortTries = 3, firstTries = 5;

/** Datagrams that a request is worth; `retries` is the number after the first. */
export function triesOf(patience: Patience, session: { retries: number; hasAnswered: boolean }): number {
  const most = session.retries + 1;
  return patience === "long" ? most : Math.min(most, session.hasAnswered ? shortTries : firstTries);
}
