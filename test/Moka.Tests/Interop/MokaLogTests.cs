namespace Microsoft.ML.Moka.Tests.Interop;

public sealed class MokaLogTests(TunedModel tuned)
{
    [Fact]
    public void Progress_and_warnings_are_lines_until_it_is_disposed()
    {
        var context = new MLContext(seed: 1);
        using var writer = new StringWriter();
        var rows = context.Data.LoadFromEnumerable<Row>([new() { Text = "a", Label = "yes" }, new() { Text = "", Label = "no" }]);
        using (context.LogTo(writer))
            tuned.Pipeline(context, tuned.FewSteps).Fit(rows).Dispose();

        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, line => line.StartsWith("Step 2 of 2", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Warning: 1 of 2 texts of the training set are blank", StringComparison.Ordinal));
        // ML.NET's own transforms say nothing here.
        Assert.DoesNotContain(lines, line => line.Contains("ValueToKey", StringComparison.Ordinal));

        tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).Dispose();
        Assert.Equal(lines.Length, writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length);
    }
}
