import "./before_the_seal.ts";
import "../../../workers/scanner.ts";
