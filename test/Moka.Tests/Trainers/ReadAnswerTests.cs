namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>A model that reads the answer looks perfect until it is asked something: no option may name the same column for both.</summary>
public sealed class ReadAnswerTests
{
    private const string Reads = "the model would read the answer";

    private readonly MLContext _context = new(seed: 1);

    [Fact]
    public void TheTextIsNotTheLabel()
    {
        Refused("TextColumnName and LabelColumnName are both 'Text'", () => _context.MulticlassClassification.Trainers.Moka("Text"));
        Refused("TextColumnName and LabelColumnName are both 'A'", () => _context.BinaryClassification.Trainers.Moka("A", "A"));
        Refused("TextColumnName and LabelColumnName are both 'A'", () => _context.Regression.Trainers.Moka("A", "A"));
        Refused("TextColumnName and LabelColumnName are both 'Text'", () => _context.MultiLabelClassification.Trainers.Moka(
            new MokaMultiLabelTrainer.Options { LabelColumnName = "Text" }));
        Refused("InstructionColumnName and LabelColumnName are both 'Label'", () => _context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { InstructionColumnName = "Label" }));
        Refused("InputColumnName and LabelColumnName are both 'Label'", () => _context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { InputColumnName = "Label", PromptTemplate = new PromptTemplate("{text} {input}") }));
        Refused("InstructionColumnName and OutputColumnName are both 'Body'", () => _context.TextGeneration.Trainers.Moka(
            new MokaTextGenerationTrainer.Options { InstructionColumnName = "Body", OutputColumnName = "Body" }));
    }

    /// <summary>What the prompt does not read may be called as it likes.</summary>
    [Fact]
    public void AColumnThatIsNotReadMayHaveTheName() => _ = _context.MulticlassClassification.Trainers.Moka(
        new MokaTrainer.Options { LabelColumnName = "Text", PromptTemplate = new PromptTemplate("{Body}") });

    [Fact]
    public void AWeightIsNotTheLabel()
    {
        var error = Assert.Throws<ArgumentException>(() => _context.Regression.Trainers.Moka(
            new MokaRegressionTrainer.Options { LabelColumnName = "Price", ExampleWeightColumnName = "Price" }));
        Assert.Contains("ExampleWeightColumnName and LabelColumnName are both 'Price'", error.Message, StringComparison.Ordinal);
    }

    private static void Refused(string problem, Func<object> make) =>
        Assert.Contains($"{problem}: {Reads}", Assert.Throws<ArgumentException>(make).Message, StringComparison.Ordinal);
}
