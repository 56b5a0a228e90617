/** Fields that name targets. Texts are kept as they were written, since src/targets reads them again for each scan. */
import { formatIp } from "../../common/core/ip.ts";
import { maybeUnscannable } from "../targets/parse_targets.ts";
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import { type TextField, textField } from "./field.ts";

/** Blocks, ranges and addresses, with or without a port. */
export const rangeField = targetField((spec) => {
  if (spec.kind === "name") throw new TargetSyntaxError("a range cannot be a host name", "write it under hosts");
  const reason = maybeUnscannable(spec.range, spec.zone);
  if (reason !== undefined) throw new TargetSyntaxError(reason);
});

/** Host names, with or without a port. */
export const hostField = targetField((spec) => {
  if (spec.kind === "range") {
    throw new TargetSyntaxError(
      `"${formatIp({ family: spec.range.family, value: spec.range.first })}" is not a host name`,
      "write addresses under ranges",
    );
  }
});

/** Ranges of a policy, which have no port. */
export const policyRangeField = targetField((spec) => {
  if (spec.kind === "name") throw new TargetSyntaxError("a range cannot be a host name", "write it under policy.hosts");
  if (spec.port !== undefined) {
    throw new TargetSyntaxError("a range of the policy has no port", "write ports under policy.ports.snmp");
  }
});

/** Names without a port, or `*.` before a domain for all names under it. */
export const policyHostField: TextField<string> = textField((text) => {
  const spec = parseTargetSpec(isHostPattern(text) ? text.slice(2) : text);
  if (spec.kind === "range") {
    throw new TargetSyntaxError("an address is not a host name", "write it under policy.ranges");
  }
  if (spec.port !== undefined) {
    throw new TargetSyntaxError("a host of the policy has no port", "write ports under policy.ports.snmp");
  }
  return text;
});

/** Whether a host of the policy is a pattern for all names under a domain. */
export function isHostPattern(text: string): boolean {
  return text.startsWith("*.");
}

/** Anything that can be a target. */
export const excludeField = targetField(() => {});

function targetField(check: (spec: TargetSpec) => void): TextField<string> {
  return textField((text) => {
    check(parseTargetSpec(text));
    return text;
  });
}
