using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>docs/troubleshooting.md quotes what the package says, and all of it that users meet.</summary>
public sealed partial class TroubleshootingTests
{
    private const int FewestWords = 4;
    private const int FewestLetters = 12;

    /// <summary>What only a defect of the package itself, or a backend of someone else's, could bring up.</summary>
    private static readonly string[] Internals =
    [
        "Tensors/", "Drawing/", "Training/TrainingLoop.cs", "Checkpoints/SafetensorsWriter.cs", "Checkpoints/SafetensorsFile.cs", "Backbones/LlamaBackbone.cs",
        "Backbones/PrefixSharing.cs", "Backbones/RaggedBatch.cs",
        "Backbones/GenerationOptions.cs", "DataViews/Rows/", "Adapters/AdapterValues.cs", "Checkpoints/TensorGroup.cs",
        "Checkpoints/QuantizedWeight.cs", "Adapters/AdapterFactor.cs", "Evaluation/Protocols/Answerer.cs",
    ];

    /// <summary>What Python says of an expression; a user meets it behind the name and line of a chat template, and the page explains all at once.</summary>
    private const string Python = "Text/Jinja/";

    private static readonly Lazy<IReadOnlyList<SourceMessage>> Source = new(SourceMessages.Read);

    private static List<string> Quotes =>
        [.. Quote().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "troubleshooting.md"))).Select(match => match.Groups[1].Value)];

    [Fact]
    public void Every_quoted_message_is_in_the_source()
    {
        Assert.InRange(Quotes.Count, 50, 600);
        Assert.All(Quotes, quote =>
        {
            Assert.True(quote.Count(char.IsLetter) >= FewestLetters, $"'{quote}' says too little to be looked up.");
            Assert.True(Source.Value.Any(message => message.IsQuotedBy(quote)), $"No message of the source is '{quote}'.");
        });
        Assert.Equal(Quotes.Count, Quotes.Distinct().Count());
    }

    [Fact]
    public void Every_message_of_an_exception_that_a_user_can_meet_is_quoted()
    {
        var missing = Source.Value.Where(message => message.IsThrown && Says(message) && !Array.Exists([.. Internals, Python], message.File.StartsWith))
            .Where(message => !Quotes.Exists(message.IsQuotedBy)).Select(message => $"{message.File}: {message.Text}").Distinct().ToList();

        Assert.True(missing.Count == 0, $"{missing.Count} messages are not in docs/troubleshooting.md:\n{string.Join('\n', missing)}");
    }

    [Theory]
    [InlineData("The label column '…' has only the value '…'", true)]
    [InlineData("has only the value '…': … training needs", true)]
    [InlineData("has only the value '…' and more", false)]
    [InlineData("training needs … has only", false)]
    public void A_quote_may_leave_out_but_not_change(string quote, bool isOf) =>
        Assert.Equal(
            isOf, new SourceMessage("", "The label column '…' has only the value '…': to tell classes apart, training needs rows of at least two.", true)
                .IsQuotedBy(quote));

    /// <summary>Whether a message says something beside the names and numbers in it.</summary>
    private static bool Says(SourceMessage message) => Word().Count(message.Text) >= FewestWords && message.Text.Count(char.IsLetter) >= FewestLetters;

    [GeneratedRegex("[A-Za-z]{2,}")]
    private static partial Regex Word();

    /// <summary>An item of a list that begins with code: the message.</summary>
    [GeneratedRegex("^- `([^`\n]+)`", RegexOptions.Multiline)]
    private static partial Regex Quote();
}
