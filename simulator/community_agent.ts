/** v1 and v2c messages around the agent (RFC 1157, RFC 1901). */
import { BerWriter } from "../src/snmp/ber.ts";
import type { CommunityMessage } from "../src/snmp/message.ts";
import { Tag } from "../src/snmp/value.ts";
import { type AgentView, elementSize, maybeAnswer, pduSize, writeAnswer } from "./agent.ts";
import { maybeFault } from "./faults.ts";

/** The response to a request that was let in, or undefined where an agent stays silent. */
export function maybeCommunityAnswer(
  message: CommunityMessage,
  view: Omit<AgentView, "v1" | "messageSize">,
): Uint8Array | undefined {
  const { community, version, pdu } = message;
  const around = 3 + elementSize(community.length);
  const messageSize = (listOctets: number) => elementSize(around + pduSize(listOctets, pdu.requestId));
  const answer = maybeAnswer(pdu, { ...view, v1: version === 0, messageSize });
  if (answer === undefined) return undefined;
  if (maybeFault(view.faults, "wrong-request-id")) answer.requestId = (answer.requestId + 1) & 0x7fffffff;
  const writer = new BerWriter(2048);
  writeAnswer(writer, answer);
  writer.writeOctets(community);
  writer.writeInteger(version);
  writer.wrap(Tag.sequence, 0);
  return writer.finish();
}
