using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>A linear map of the backbone: frozen, and then an adapter may be added to it, or trained itself.</summary>
internal sealed class LinearMap(MapShape shape, WeightMatrix weight, Parameter? trained, BiasVector? bias = null)
{
    public MapShape Shape { get; } = shape;

    public WeightMatrix Weight { get; } = weight;

    public Variable Forward(Tape tape, Variable x, AdapterPass adapters)
    {
        adapters.Watch?.Invoke($"the input of {Shape.Name}", x.Value);
        var y = WithBias(tape, Multiply(tape, x, adapters), adapters);
        adapters.Watch?.Invoke($"the output of {Shape.Name}", y.Value);
        return y;
    }

    private Variable Multiply(Tape tape, Variable x, AdapterPass adapters) =>
        trained is not null ? tape.Linear(x, trained)
        : adapters.Rows is { } rows ? rows.Forward(tape, x, Shape.Name, Weight, adapters)
        : adapters.Set?.Find(Shape.Name) is { } adapter ? adapter.Forward(tape, x, Weight, adapters)
        : tape.Linear(x, Weight);

    private Variable WithBias(Tape tape, Variable y, AdapterPass adapters) =>
        adapters.Set?.FindBias(Shape.Name) is { } trainedBias ? tape.AddToRows(y, trainedBias.Value, trainedBias.Gradient)
        : bias is null ? y
        : tape.AddToRows(y, bias.Value, bias.Gradient);
}

/// <summary>What a map adds to its outputs, after whatever an adapter does; <paramref name="Gradient"/> is where its gradient goes if it is trained.</summary>
internal sealed record BiasVector(Tensor Value, Tensor? Gradient);
