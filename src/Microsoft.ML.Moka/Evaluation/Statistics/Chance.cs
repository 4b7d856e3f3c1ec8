using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace Microsoft.ML.Moka.Evaluation.Statistics;

/// <summary>What chance alone does to accuracies.</summary>
internal static class Chance
{
    /// <summary>Differences that chance exceeds less often than this are outside it.</summary>
    public const double Level = 0.05;

    /// <summary>
    /// The exact test of Q. McNemar (1947) for two models that answered the same questions: of those that one of them alone answered right, each has half if
    /// the models are equally good.
    /// </summary>
    public static double McNemar(int onlyOne, int onlyOther) =>
        onlyOne == onlyOther ? 1 : Math.Min(1, 2 * Binomial.CDF(0.5, onlyOne + onlyOther, Math.Min(onlyOne, onlyOther)));

    /// <summary>The variance of a difference on the same questions, if the models are equally good.</summary>
    public static double PairedVariance(int onlyOne, int onlyOther, int rows) => (onlyOne + onlyOther) / ((double)rows * rows);

    /// <summary>The variance of a difference on different questions, if the models are equally good.</summary>
    public static double UnpairedVariance(int correct, int rows, int otherCorrect, int otherRows)
    {
        var pooled = (correct + otherCorrect) / ((double)rows + otherRows);
        return pooled * (1 - pooled) * (1.0 / rows + 1.0 / otherRows);
    }

    /// <summary>How often chance makes a difference as large as this one, by the normal approximation.</summary>
    public static double OfDifference(double difference, double variance) =>
        difference == 0 ? 1 : SpecialFunctions.Erfc(Math.Abs(difference) / Math.Sqrt(2 * variance));
}
