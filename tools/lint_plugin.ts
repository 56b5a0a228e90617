const inHouse = /(?<![\\/]tests)[\\/](?:common|src|platform)[\\/]/;

/** Where files, sockets, threads and the process may be touched; everything else has them handed in. */
const machinePlaces = [
  /[\\/](?:common|src)[\\/]host[\\/]/,
  /[\\/]platform[\\/]main\.ts$/,
  // SQLite, PostgreSQL and the files that say how to reach it.
  /[\\/]platform[\\/]store[\\/]/,
  // Listens, and knows when the process has no descriptors left.
  /[\\/]platform[\\/]edge[\\/]connections[\\/]accept_connections\.ts$/,
  // TLS and WebSockets on connections that were accepted there.
  /[\\/]platform[\\/]edge[\\/]mqtt[\\/]agent_listener\.ts$/,
  // HTTP on connections that were accepted there.
  /[\\/]platform[\\/]edge[\\/]mqtt[\\/]rabbitmq_access\.ts$/,
  // Answers questions of OpenSSH's sshd.
  /[\\/]platform[\\/]edge[\\/]ssh[\\/]sshd_gateway\.ts$/,
  // HTTP towards browsers and printers, and old TLS by a helper program.
  /[\\/]platform[\\/]edge[\\/]http[\\/](?:start_web_access|printer_link|legacy_tls|forward_session)\.ts$/,
  // HTTP on connections that were accepted there, for the portal.
  /[\\/]platform[\\/]portal[\\/]start_portal\.ts$/,
  // Where Prometheus asks.
  /[\\/]platform[\\/]edge[\\/]metrics[\\/]start_metrics\.ts$/,
  // HTTPS towards identity providers.
  /[\\/]platform[\\/]sso[\\/]provider_fetch\.ts$/,
  // HTTP/2 on a connection that `dial()` has made.
  /[\\/]src[\\/]link[\\/]probe_endpoint\.ts$/,
];

const machine =
  /^(?:node:)?(?:child_process|cluster|dgram|dns|fs|http|http2|https|module|net|os|process|sqlite|tls|worker_threads)(?:\/|$)/;

const mostLines = 80;

/** House rules that `deno lint` keeps: see CONTRIBUTING.md. */
const plugin: Deno.lint.Plugin = {
  name: "opendca",
  rules: {
    "only-main-exits": {
      create(context) {
        if (/(^|[\\/])(main|[a-z_]+_test)\.ts$/.test(context.filename)) return {};
        return {
          'MemberExpression[object.name="Deno"][property.name="exit"]'(node) {
            context.report({ node, message: "Only main.ts ends the process: return an exit code or throw" });
          },
        };
      },
    },
    "machine-in-host": {
      create(context) {
        const { filename } = context;
        const isTest = filename.endsWith("_test.ts");
        if (!inHouse.test(filename) || isTest || machinePlaces.some((place) => place.test(filename))) return {};
        const message =
          "Only common/host, src/host and the like call the machine: use what they have, or have it handed in";
        return {
          'MemberExpression[object.name="Deno"]'(node) {
            context.report({ node, message });
          },
          'VariableDeclarator[init.name="Deno"]'(node) {
            context.report({ node, message });
          },
          ImportDeclaration(node) {
            const isOfTypes = node.importKind === "type" || (node.specifiers.length > 0 &&
              node.specifiers.every((one) => one.type === "ImportSpecifier" && one.importKind === "type"));
            if (!isOfTypes && machine.test(node.source.value)) context.report({ node, message });
          },
          ExportNamedDeclaration(node) {
            if (node.source !== null && machine.test(node.source.value)) context.report({ node, message });
          },
          ImportExpression(node) {
            if (node.source.type === "Literal" && machine.test(String(node.source.value))) {
              context.report({ node, message });
            }
          },
        };
      },
    },
    "short-functions": {
      create(context) {
        // The markup of a page is one function, read from top to bottom; so is a script in the scope of its own.
        if (!context.filename.endsWith(".ts")) return {};
        return {
          ":matches(FunctionDeclaration, FunctionExpression, ArrowFunctionExpression)"(node) {
            const lines = context.sourceCode.getText(node).split("\n").length;
            if (lines <= mostLines) return;
            context.report({
              node,
              message: `A function has at most ${mostLines} lines and this one ${lines}: name its parts`,
            });
          },
        };
      },
    },
    "no-async-component": {
      create(context) {
        if (!context.filename.endsWith(".tsx")) return {};
        return {
          "FunctionDeclaration[async=true][id.name=/^[A-Z]/]"(node) {
            // Its work begins while the page waits for something else, and nobody hears of its failure.
            const message = "A component is not asynchronous: a page awaits what it shows before its markup";
            context.report({ node, message });
          },
        };
      },
    },
    "todo-with-issue": {
      create(context) {
        return {
          Program() {
            for (const comment of context.sourceCode.getAllComments()) {
              if (/\bTODO\b(?!\(#\d+\))/.test(comment.value)) {
                context.report({ range: comment.range, message: "A TODO names its issue: TODO(#123): …" });
              }
            }
          },
        };
      },
    },
  },
};

export default plugin;
