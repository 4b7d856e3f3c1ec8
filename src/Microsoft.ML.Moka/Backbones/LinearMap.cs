using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>A linear map of the backbone: frozen, and then an adapter may be added to it, or trained itself.</summary>
internal sealed class LinearMap(MapShape shape, WeightMatrix weight, Parameter? trained)
{
    public MapShape Shape { get; } = shape;

    public WeightMatrix Weight { get; } = weight;

    public Variable Forward(Tape tape, Variable x, AdapterPass adapters)
    {
        if (trained is not null)
            return tape.Linear(x, trained);
        return adapters.Set?.Find(Shape.Name) is { } adapter ? adapter.Forward(tape, x, Weight, adapters) : tape.Linear(x, Weight);
    }
}
