// Lets Node find our packages by name, as bundlers do: import this first, then the rest with import().
import { register } from "node:module";

const packages = new URL("../../../packages/", import.meta.url).href;
const hooks = `
  export const resolve = (specifier, context, next) => {
    const match = /^(mix-(?:tunnel|fetch|dns|websocket))(?:\\/(.*))?$/.exec(specifier);
    return match
      ? next("${packages}" + match[1].replace("-", "_") + "/js/" + (match[2] ?? "index.js"), context)
      : next(specifier, context);
  };`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
