/** Files of fonts by name, in base64. */
declare const fonts: Record<string, string>;
export default fonts;
