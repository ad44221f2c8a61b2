import type { Broker } from "../../core/broker.ts";

/** A broker of which a test gives the verbs that its requests reach; any other call fails. */
export const stubBroker = (verbs: Partial<Broker>): Broker =>
  new Proxy(verbs as Broker, {
    get(target, verb) {
      const given = Reflect.get(target, verb);
      if (given === undefined) throw new Error(`the test gives no ${String(verb)}`);
      return given;
    },
  });
