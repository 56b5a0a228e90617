/**
 * `short`: the request can be split, so a lost answer should be detected soon. `long`: the request cannot be smaller.
 */
export type Patience = "short" | "long";

/** Datagrams for a request that can be split, and for the first one to a device with unknown round trip. */
const shortTries = 3, firstTries = 5;

/** Number of datagrams for a request; `retries`: number after the first. */
export function triesOf(patience: Patience, session: { retries: number; hasAnswered: boolean }): number {
  const most = session.retries + 1;
  return patience === "long" ? most : Math.min(most, session.hasAnswered ? shortTries : firstTries);
}
