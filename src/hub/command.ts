import type { z } from "zod";
import type { CommandHandler, HubContext } from "./extension.ts";
import type { HubPublisher } from "./publisher.ts";

/** A call into an area's part of a guild's hub: what crosses is checked on both sides. */
export type HubCommand<Input extends z.ZodType, Output extends z.ZodType> = {
  readonly name: string;
  readonly input: Input;
  readonly output: Output;
};

/**
 * Declares a command. Worker and hub may be of different versions for minutes, so both ends of it stay
 * compatible one version back.
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
 * How an extension says what its commands do.
 * @param contextOf what all of them work with
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
 * Calls a command in a guild's hub.
 * @throws what the command threw, or when the hub cannot be reached
 */
export async function callCommand<Input extends z.ZodType, Output extends z.ZodType>(
  hub: Pick<HubPublisher, "command">,
  guildId: string,
  command: HubCommand<Input, Output>,
  input: z.input<Input>,
): Promise<z.output<Output>> {
  return command.output.parse(await hub.command(guildId, command.name, input));
}
