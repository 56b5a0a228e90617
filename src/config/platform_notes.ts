import type { SettingValue } from "./agent_config.ts";

/** What is found while a document of the platform is applied. */
export interface PlatformNotes {
  refuse(sentence: string): void;
  set(path: string, value: SettingValue): void;
}
