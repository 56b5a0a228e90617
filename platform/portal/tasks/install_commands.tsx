/** What is typed on the machine of a new agent, for each system. */
import { Copyable } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";

const container = "docker run --rm --interactive --read-only --cap-drop ALL --security-opt no-new-privileges" +
  " --hostname opendca-agent --volume opendca:/var/lib/opendca --volume opendca-guard:/var/lib/opendca-guard" +
  ' --volume "$PWD/agent.yaml:/etc/opendca/agent.yaml:ro"';

/** Of each system: lines of a shell, after which the agent runs. The code is on standard input, where no other user sees it. */
export function installCommands(code: string): { system: string; lines: string[] }[] {
  const piped = `printf '%s\\n' ${code}`;
  return [
    {
      system: "Linux",
      lines: [
        "sudo sh install.sh --config agent.yaml",
        `${piped} | sudo -u opendca opendca activate`,
        "sudo systemctl start opendca-agent",
      ],
    },
    {
      system: "Debian, Ubuntu",
      lines: [
        "sudo apt install ./opendca_*_amd64.deb",
        "sudo install -m 640 -o root -g opendca agent.yaml /etc/opendca/agent.yaml",
        `${piped} | sudo -u opendca opendca activate`,
        "sudo systemctl start opendca-agent",
      ],
    },
    {
      system: "Windows",
      lines: [
        "powershell -ExecutionPolicy Bypass -File install.ps1 -Config agent.yaml",
        `"${code}" | & "C:\\Program Files\\OpenDCA\\opendca.cmd" activate`,
        "Start-Service opendca-agent",
      ],
    },
    {
      system: "macOS",
      lines: [
        "sudo sh install-macos.sh --config agent.yaml",
        `${piped} | sudo -u _opendca opendca activate`,
        "sudo launchctl kickstart -k system/org.opendca.agent",
      ],
    },
    {
      system: "Docker",
      lines: [
        "docker volume create opendca && docker volume create opendca-guard",
        `${piped} | ${container} opendca:VERSION activate`,
        `${
          container.replace("--rm --interactive", "--detach --name opendca --restart unless-stopped")
        } opendca:VERSION`,
      ],
    },
  ];
}

export function InstallCommands({ request: { t }, code }: { request: CustomerRequest; code: string }) {
  return (
    <>
      {installCommands(code).map(({ system, lines }, index) => (
        <details open={index === 0}>
          <summary>{system}</summary>
          <Copyable t={t}>{lines.join("\n")}</Copyable>
        </details>
      ))}
    </>
  );
}
