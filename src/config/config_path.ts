export const defaultConfigPath = "/etc/opendca/agent.yaml";

/** The file of `--config`, of OPENDCA_CONFIG, or the default. */
export function configPath(option: string | undefined, env: (name: string) => string | undefined): string {
  return option ?? (env("OPENDCA_CONFIG") || defaultConfigPath);
}
