import "./stand_in.ts";
export { default } from "npm:net-snmp@3.29.2";
