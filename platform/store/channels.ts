/** Channels of notify() and listen(), each with the id of an agent. */

/** Its connections must end. */
export const revokedChannel = "agent_revoked";
/** It should poll. */
export const wakeChannel = "agent_wake";

/** With the id of a mail that waits to be sent. */
export const mailChannel = "mail";
