/**
 * Builds a node of which some services are wrapped, to be watched from outside or to have a bug, while
 * the assembly is the one of production.
 *
 * A memo map sees each layer as it is built, so it can put something else in the place of what a layer
 * gives, for all that are built on it. What must never happen: a service that is wrapped twice, or one
 * that was to be wrapped and is not part of the node any more (`unused` says so).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** What stands in the place of a service. */
export interface Swap {
  readonly key: string
  readonly apply: (context: Context.Context<never>) => Context.Context<never>
}

/** `service` may be a new object, or the one it is given, changed. */
export const swap = <Self, Service>(
  tag: Context.Key<Self, Service>,
  service: (built: Service) => Service
): Swap => ({
  key: tag.key,
  apply: (context) => {
    const built = context as Context.Context<Self>
    return Context.add(built, tag, service(Context.get(built, tag))) as Context.Context<never>
  }
})

/** It stays as it is built, and is shown. */
export const seen = <Self, Service>(
  tag: Context.Key<Self, Service>,
  see: (built: Service) => void
): Swap =>
  swap(tag, (built) => {
    see(built)
    return built
  })

const typeId = "~effect/Layer/MemoMap"

export class SwappedLayers implements Layer.MemoMap {
  readonly [typeId] = typeId
  private readonly built = Layer.makeMemoMapUnsafe()
  private readonly swaps: ReadonlyArray<Swap>
  private readonly used = new Set<string>()

  constructor(swaps: ReadonlyArray<Swap>) {
    this.swaps = swaps
  }

  /** Services that no layer has given. */
  get unused(): ReadonlyArray<string> {
    return this.swaps.map(({ key }) => key).filter((key) => !this.used.has(key))
  }

  get<RIn, E, ROut>(layer: Layer.Layer<ROut, E, RIn>, scope: Scope.Scope) {
    return this.built.get(layer, scope)
  }

  getOrElseMemoize<RIn, E, ROut>(
    layer: Layer.Layer<ROut, E, RIn>,
    scope: Scope.Scope,
    build: (
      memoMap: Layer.MemoMap,
      scope: Scope.Scope
    ) => Effect.Effect<Context.Context<ROut>, E, RIn>
  ): Effect.Effect<Context.Context<ROut>, E, RIn> {
    return this.built.getOrElseMemoize(layer, scope, (_, layerScope) =>
      Effect.map(build(this, layerScope), (context) => this.swapped(context))
    )
  }

  /** Of one layer that gives the service, and not of those around it. */
  private swapped<A>(context: Context.Context<A>): Context.Context<A> {
    const due = this.swaps.filter(({ key }) => !this.used.has(key) && context.mapUnsafe.has(key))
    for (const { key } of due) this.used.add(key)
    return due.reduce(
      (swapped, { apply }) => apply(swapped as Context.Context<never>) as Context.Context<A>,
      context
    )
  }
}
