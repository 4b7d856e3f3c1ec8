using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

public sealed class CalibrationTests
{
    [Fact]
    public void The_error_is_the_weighted_distance_of_accuracy_and_probability()
    {
        // Three answers at 85 %, one of them right; one at 45 %, right; one that is certain.
        var calibration = Calibration.Of(
        [
            MadeUp.Likeliest(0, 0, 0.85), MadeUp.Likeliest(1, 0, 0.85), MadeUp.Likeliest(1, 2, 0.85), MadeUp.Likeliest(1, 1, 0.45), MadeUp.Likeliest(2, 2, 1),
        ])!;

        Assert.Equal([0.4, 0.8, 0.9], calibration.Bins.Select(bin => Math.Round(bin.From, 9)));
        Assert.Equal([1, 3, 1], calibration.Bins.Select(bin => bin.Rows));
        Assert.Equal(1 / 3.0, calibration.Bins[1].Accuracy, 1e-12);
        Assert.Equal(0.85, calibration.Bins[1].Confidence, 1e-12);
        Assert.Equal((3 * (0.85 - 1 / 3.0) + 0.55 + 0) / 5, calibration.ExpectedError, 1e-12);
    }

    [Fact]
    public void What_is_written_has_no_probability() => Assert.Null(Calibration.Of([MadeUp.Written(0, "answer1")]));
}
