/** The broker, or something in its place, refuses what is asked; the connection itself works. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  /** It speaks another version of MQTT. */
  constructor(message: string, readonly isVersion = false) {
    super(message);
  }
}
