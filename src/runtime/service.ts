/**
 * What everything with a lifetime is: a process is an ordered list of services.
 *
 * V1 `start` resolves when the service serves; `stop` when nothing of it runs any more.
 * V2 `stop` may be called without `start`, and twice.
 * V3 Services stop in the reverse of their starting order; a failed start stops what had started.
 */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts `services` in order, and stops them in reverse. */
export class ServiceGroup implements Service {
  readonly name: string;
  readonly #services: readonly Service[];
  #started: Service[] = [];

  constructor(name: string, services: readonly Service[]) {
    this.name = name;
    this.#services = services;
  }

  /** @throws the first error, after what had started was stopped (V3) */
  async start(): Promise<void> {
    for (const service of this.#services) {
      try {
        await service.start();
        this.#started.push(service);
      } catch (error) {
        await this.stop().catch(() => undefined);
        throw new Error(`${this.name}: ${service.name} did not start`, { cause: error });
      }
    }
  }

  /** @throws AggregateError with every failure, after all were stopped */
  async stop(): Promise<void> {
    const errors: unknown[] = [];
    const started = this.#started;
    this.#started = [];
    for (const service of started.reverse()) {
      try {
        await service.stop();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `${this.name}: not everything stopped cleanly`);
  }
}
