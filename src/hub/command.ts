import type { z } from "zod";
import type { CommandHandler, HubContext } from "./extension.ts";
import type { HubPublisher } from "./publisher.ts";

/** A call into an area's part of a hub. Both sides check what is passed. */
export type HubCommand<Input extends z.ZodType, Output extends z.ZodType> = {
  readonly name: string;
  readonly input: Input;
  readonly output: Output;
};

/**
 * Declares a command. Worker and hub may differ by one version for some minutes, so both of its schemas stay
 * compatible with the previous version.
 * @param name `<area>.<command>`
 */
export function hubCommand<Input extends z.ZodType, Output extends z.ZodType>(
  name: `${string}.${string}`,
  input: Input,
  output: Output,
): HubCommand<Input, Output> {
  return { name, input, output };
}

/**
 * Binds commands to functions, for an extension.
 * @param contextOf creates what all of these functions work with
 */
export function handlersWith<Context>(contextOf: (hub: HubContext) => Context) {
  return <Input extends z.ZodType, Output extends z.ZodType>(
    command: HubCommand<Input, Output>,
    run: (context: Context, input: z.output<Input>) => z.input<Output> | Promise<z.input<Output>>,
  ): CommandHandler => ({
    name: command.name,
    run: (hub, input) => run(contextOf(hub), command.input.parse(input)),
  });
}

/**
 * Calls a command in a hub.
 * @throws the error of the command, or an error when the hub cannot be reached
 */
export async function callCommand<Input extends z.ZodType, Output extends z.ZodType>(
  hubs: Pick<HubPublisher, "command">,
  hub: string,
  command: HubCommand<Input, Output>,
  input: z.input<Input>,
): Promise<z.output<Output>> {
  return command.output.parse(await hubs.command(hub, command.name, input));
}
