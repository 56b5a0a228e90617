export const defaultConfigPath = "/etc/opendca/agent.yaml";

/** The file from `--config`, OPENDCA_CONFIG, or the default, in this order. */
export function configPath(option: string | undefined, env: (name: string) => string | undefined): string {
  return option ?? (env("OPENDCA_CONFIG") || defaultConfigPath);
}
