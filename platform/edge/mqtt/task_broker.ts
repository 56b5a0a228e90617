/** A broker as the platform uses it: its own (embedded_broker.ts), or another program (external_broker.ts). */
export interface TaskBroker extends AsyncDisposable {
  /** Other processes reach the same agents by it. */
  readonly isShared: boolean;
  /** Whether it can be reached; the platform's own always can. */
  isUp(): boolean;
  /**
   * To an agent that is connected. Resolves to false where it is known that it is not, and where a broker that is another
   * program has not acknowledged it.
   */
  send(agentId: string, kind: "wake" | "task", payload: Uint8Array): Promise<boolean>;
  /** Ends the connections of an agent whose certificate is refused by now. */
  checkAgain(agentId: string): void;
}

/** What a broker tells. Whoever says it has been identified as this agent. */
export interface BrokerEvents {
  onPresence(agentId: string, isOnline: boolean): void;
  /** At most `maxPacketFromAgent` bytes, unchecked. */
  onProgress(agentId: string, payload: Uint8Array): void;
  /** It tried what it may not do. */
  onRefused(agentId: string, why: string): void;
  /** The agent can be reached now, and may have missed something. */
  onReady(agentId: string): void;
  /** The broker can be reached, for the first time or again. */
  onUp(): void;
}
