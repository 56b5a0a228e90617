/** What every kind of receiver does. */
import { createHash } from "node:crypto";
import type { GuardedOptions } from "../../common/host/guarded_post.ts";
import type { FedDevice } from "./fed_device.ts";
import type { FeedRow } from "./feeds.ts";

/** What is sent of a device, or of all devices of a customer (`deviceId` is empty). */
export interface FeedItem {
  customerId: string;
  deviceId: string;
  /** What changes when it must be sent again. */
  text: string;
  /** Names under which the receiver keeps it, to be taken away later; or what the summary says of it. */
  kept: readonly string[];
  payload: unknown;
}

export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** Why an item was refused, by its place. What is not there was taken. */
export type Refusals = ReadonlyMap<number, string>;

/** One round of a feed. What it throws ends the round; it is tried again later. */
export interface Pusher extends AsyncDisposable {
  /** Of so many devices at a time, each within some seconds. */
  readonly atOnce: number;
  itemOf(device: FedDevice): FeedItem;
  /** Of all devices of a customer. */
  summary?: {
    /** `kept` of the device's item. */
    keptOf(device: FedDevice): readonly string[];
    /** One by one, before it is taken. False if it cannot be made of these words. */
    add(deviceId: string, kept: readonly string[]): boolean;
    take(customerId: string): FeedItem;
  };
  /** `before`: what the receiver kept of each until now. */
  send(items: readonly FeedItem[], before: readonly (readonly string[])[]): Promise<Refusals>;
  /** Takes away what the receiver keeps under these names. */
  forget?(kept: readonly string[]): Promise<void>;
}

export interface PusherOptions {
  feed: FeedRow;
  secrets: Record<string, string>;
  settings: Record<string, string>;
  /** Of each call. */
  timeoutMs: number;
  guard: Pick<GuardedOptions, "allowed" | "resolve" | "ca">;
  signal: AbortSignal;
  now(): Date;
}
