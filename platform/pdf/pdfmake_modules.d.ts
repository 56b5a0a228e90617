/** The modules of pdfmake that make a PDF outside of a browser. The types of the library bring those of browsers with them. */
declare const loaded: {
  // deno-lint-ignore no-explicit-any
  default: any;
};
export default loaded;
