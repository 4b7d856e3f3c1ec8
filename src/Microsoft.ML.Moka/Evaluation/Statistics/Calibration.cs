namespace Microsoft.ML.Moka.Evaluation.Statistics;

/// <summary>
/// Whether the model's probabilities mean what they say: answers by the probability that it gave them, the softmax of the candidates' log-likelihoods.
/// </summary>
/// <param name="ExpectedError">The mean distance of accuracy and probability over the bins, weighted by their rows (expected calibration error).</param>
/// <param name="Bins">Those that have rows, of ten of equal width.</param>
internal sealed record Calibration(double ExpectedError, IReadOnlyList<CalibrationBin> Bins)
{
    public const int BinCount = 10;

    /// <summary>
    /// Null where the model wrote its answers: they have no probabilities. Questions that could not be asked have none either, and are left out.
    /// </summary>
    public static Calibration? Of(IEnumerable<BenchmarkAnswer> answers)
    {
        var (rows, correct, confidence) = (new int[BinCount], new int[BinCount], new double[BinCount]);
        foreach (var answer in answers)
        {
            if (answer.LogLikelihoods is not { } scores)
                continue;
            var most = scores.Max();
            var probability = 1 / scores.Sum(score => Math.Exp(score - most));
            var bin = Math.Min((int)(probability * BinCount), BinCount - 1);
            rows[bin]++;
            confidence[bin] += probability;
            if (answer.IsCorrect)
                correct[bin]++;
        }
        if (rows.Sum() == 0)
            return null;
        CalibrationBin[] bins = [.. Enumerable.Range(0, BinCount).Where(bin => rows[bin] > 0).Select(bin => new CalibrationBin(
            bin / (double)BinCount, (bin + 1) / (double)BinCount, rows[bin], confidence[bin] / rows[bin], correct[bin] / (double)rows[bin],
            Interval.OfShare(correct[bin], rows[bin])))];
        return new Calibration(bins.Sum(bin => bin.Rows * Math.Abs(bin.Accuracy - bin.Confidence)) / rows.Sum(), bins);
    }
}

/// <summary>Answers of about the same probability.</summary>
/// <param name="From">The least probability of the bin.</param>
/// <param name="To">The most.</param>
/// <param name="Rows">How many answers.</param>
/// <param name="Confidence">The mean of their probabilities.</param>
/// <param name="Accuracy">How many of them are right.</param>
/// <param name="Interval">The 95 % interval of the accuracy.</param>
internal sealed record CalibrationBin(double From, double To, int Rows, double Confidence, double Accuracy, Interval Interval);
