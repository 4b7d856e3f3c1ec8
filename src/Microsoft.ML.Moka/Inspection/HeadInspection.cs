namespace Microsoft.ML.Moka;

/// <summary>What training has made of a model's head: of the linear layer that makes scores of hidden states.</summary>
public sealed record HeadInspection
{
    internal HeadInspection()
    {
    }

    /// <summary>Which hidden state it reads.</summary>
    public required MokaHead Head { get; init; }

    /// <summary>The length of each output's row of weights, in the order of the labels; all are 0 before training.</summary>
    public required IReadOnlyList<double> Norms { get; init; }

    /// <summary>Trained parameters of the head.</summary>
    public required long TrainableParameterCount { get; init; }
}
