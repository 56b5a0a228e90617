import "./before_the_seal.ts";
import "../../../workers/resolver.ts";
// No package is loaded here: it stands for a defect of the runtime.
import "./stand_in.ts";
