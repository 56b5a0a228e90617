/**
 * Public keys of the platform that lift the lock of any installation of this build: Ed25519, 32 bytes in base64. A build
 * for one's own platform names its key here; without one, `platform.unlockKey` in agent.yaml is believed as it stands
 * when activation is first tried, and never afterwards.
 */
export const builtInUnlockKeys: readonly string[] = [];
