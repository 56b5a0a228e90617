/** What an agent last said of itself. */
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { AgentRow } from "./agents.ts";

/** Undefined before its first poll. */
export function maybeAgentReport({ status }: Pick<AgentRow, "status">): AgentStatus | undefined {
  return status === null ? undefined : AgentStatus.decode(status);
}
