using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>What becomes of what a model says of each label: logarithms of likelihoods, or a head's outputs.</summary>
internal delegate double[] ScoreForm(ReadOnlySpan<double> outputs);

/// <summary>The forms that there are.</summary>
internal static class ScoreForms
{
    /// <summary>Probabilities of labels of which one is right.</summary>
    public static double[] SoftMax(ReadOnlySpan<double> outputs)
    {
        // Of long answers even the likeliest is too unlikely for exp.
        var probabilities = new double[outputs.Length];
        TensorPrimitives.Subtract(outputs, TensorPrimitives.Max(outputs), probabilities);
        TensorPrimitives.SoftMax<double>(probabilities, probabilities);
        return probabilities;
    }

    /// <summary>A head's outputs as they are, where each label applies or not by itself.</summary>
    public static double[] Outputs(ReadOnlySpan<double> outputs) => outputs.ToArray();

    /// <summary>Of two labels, by how much the second is likelier than the first: the logarithm of their odds, one number.</summary>
    public static double[] LogOdds(ReadOnlySpan<double> outputs) => [outputs[1] - outputs[0]];
}
