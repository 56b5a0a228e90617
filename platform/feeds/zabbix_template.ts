/** The template for Zabbix 6.0 and later, of the same table as the values that are sent. Pure. */
import { createHash } from "node:crypto";
import { zabbixRules } from "./zabbix_values.ts";

/* Version 4, of the name: the same with every build. */
function uuidOf(name: string): string {
  const hex = createHash("sha256").update(`opendca.zabbix.${name}`).digest("hex");
  return `${hex.slice(0, 12)}4${hex.slice(13, 16)}a${hex.slice(17, 32)}`;
}

const templateName = "OpenDCA printers";

/** YAML; strings are JSON's, which YAML takes. */
export function zabbixTemplate(): string {
  const group = "Templates/OpenDCA", q = JSON.stringify;
  const lines = [
    "zabbix_export:",
    '  version: "6.0"',
    "  groups:",
    `    - uuid: ${uuidOf(group)}`,
    `      name: ${q(group)}`,
    "  templates:",
    `    - uuid: ${uuidOf(templateName)}`,
    `      template: ${q(templateName)}`,
    `      name: ${q(templateName)}`,
    `      description: ${q("Printers that OpenDCA reads. The values are sent: opendca-platform feed create zabbix")}`,
    "      groups:",
    `        - name: ${q(group)}`,
    "      discovery_rules:",
  ];
  for (const { key, name, parameters, items } of Object.values(zabbixRules)) {
    lines.push(
      `        - uuid: ${uuidOf(key)}`,
      `          name: ${q(name)}`,
      "          type: TRAP",
      `          key: ${q(key)}`,
      '          delay: "0"',
      "          lifetime: 30d",
      "          item_prototypes:",
    );
    for (const item of items) {
      const itemKey = `${item.key}[${parameters.join(",")}]`;
      lines.push(
        `            - uuid: ${uuidOf(item.key)}`,
        `              name: ${q(item.name)}`,
        "              type: TRAP",
        `              key: ${q(itemKey)}`,
        '              delay: "0"',
        ...(item.type === "UNSIGNED" ? [] : [`              value_type: ${item.type}`]),
        ...(item.type === "CHAR" ? ['              trends: "0"'] : []),
        ...("units" in item ? [`              units: ${q(item.units)}`] : []),
      );
      if (item.key === "opendca.online") lines.push(...trigger(`/${templateName}/${itemKey}`));
    }
  }
  return `${lines.join("\n")}\n`;
}

function trigger(item: string): string[] {
  return [
    "              trigger_prototypes:",
    `                - uuid: ${uuidOf("silent")}`,
    `                  expression: ${JSON.stringify(`last(${item})=0`)}`,
    `                  name: ${JSON.stringify("{#TITLE} {#SERIAL} does not answer")}`,
    "                  priority: WARNING",
  ];
}
