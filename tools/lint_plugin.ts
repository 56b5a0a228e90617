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
    "pure-core": {
      create(context) {
        const pure =
          /[\\/](common[\\/](core|reading|report|protocol)|src[\\/](config|log|printers|recording|snmp|targets))[\\/]/
            .test(context.filename);
        if (!pure || context.filename.endsWith("_test.ts")) return {};
        const message = "This folder is pure: have the caller hand in what the machine does";
        const machine =
          /^(?:node:)?(?:child_process|cluster|dgram|fs|http|http2|https|net|process|sqlite|tls|worker_threads)(?:\/|$)/;
        return {
          'MemberExpression[object.name="Deno"]'(node) {
            context.report({ node, message });
          },
          ImportDeclaration(node) {
            if (node.importKind !== "type" && machine.test(node.source.value)) context.report({ node, message });
          },
          ImportExpression(node) {
            if (node.source.type === "Literal" && machine.test(String(node.source.value))) {
              context.report({ node, message });
            }
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
