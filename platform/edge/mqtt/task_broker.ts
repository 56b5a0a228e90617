/** Interface of a broker: the platform's own (embedded_broker.ts), or an external one (external_broker.ts). */
export interface TaskBroker extends AsyncDisposable {
  /** Whether other processes reach the same agents through it. */
  readonly isShared: boolean;
  /** Whether it is reachable; the platform's own always is. */
  isUp(): boolean;
  /**
   * Sends to a connected agent. Resolves to false if it is known to be disconnected, or if an external broker did not
   * acknowledge it.
   */
  send(agentId: string, kind: "wake" | "task", payload: Uint8Array): Promise<boolean>;
  /** Ends the connections of an agent if its certificate is no longer accepted. */
  checkAgain(agentId: string): void;
}

/** Events of a broker. The agent has been identified. */
export interface BrokerEvents {
  onPresence(agentId: string, isOnline: boolean): void;
  /** At most `maxPacketFromAgent` bytes, unchecked. */
  onProgress(agentId: string, payload: Uint8Array): void;
  /** The agent tried something that it may not do. */
  onRefused(agentId: string, why: string): void;
  /** The agent is reachable now, and may have missed something. */
  onReady(agentId: string): void;
  /** The broker is reachable, for the first time or again. */
  onUp(): void;
}
