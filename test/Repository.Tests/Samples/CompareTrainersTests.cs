using System.Reflection;

namespace Microsoft.ML.Moka.Tests.Samples;

/// <summary>samples/CompareTrainers as a user runs it, through its entry point, on a few made-up rows.</summary>
public sealed class CompareTrainersTests
{
    [Fact]
    public void Every_trainer_learns_the_same_rows()
    {
        using var folder = new TemporaryFolder();
        MadeUpTasks.WriteTexts(folder.Path);

        var (code, output) = Run("spam", "--data", folder.Path);

        Assert.Equal(0, code);
        Assert.Contains("### spam: 8 rows to learn from, 8 to tell, 2 labels\n", output, StringComparison.Ordinal);
        Assert.Contains("| the most frequent label | 50.0 % (", output, StringComparison.Ordinal);
        foreach (var trainer in new[] { "SdcaMaximumEntropy on FeaturizeText", "LightGbm on FeaturizeText", "Moka by words", "Moka with a head" })
            Assert.Contains($"| {trainer}", output, StringComparison.Ordinal);
        // The label stands in the text: plain features tell it.
        Assert.Contains("| SdcaMaximumEntropy on FeaturizeText | 100.0 % (", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named() => Assert.Equal(1, Run("spam", "--data", "/no/such/folder").Code);

    private static (int Code, string Output) Run(params string[] arguments)
    {
        var (before, output) = (Console.Out, new StringWriter { NewLine = "\n" });
        Console.SetOut(output);
        try
        {
            return ((int)Assembly.Load("CompareTrainers").EntryPoint!.Invoke(null, [arguments])!, output.ToString());
        }
        finally
        {
            Console.SetOut(before);
        }
    }
}
