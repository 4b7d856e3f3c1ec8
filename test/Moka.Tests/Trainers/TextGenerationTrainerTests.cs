using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tests.Generation;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class TextGenerationTrainerTests(WritingModel writing)
{
    private readonly MLContext _context = new(seed: 1);

    [Fact]
    public void A_tuned_model_gives_the_answers_it_was_taught_and_stops()
    {
        var generated = WritingModel.Texts(writing.Model.Transform(writing.Train));

        Assert.Equal([WritingModel.AnswerToSky, WritingModel.AnswerToSea, WritingModel.AnswerToSeaAtNight], generated);
    }

    [Fact]
    public void Training_learns_the_answer_and_the_end_and_not_the_prompt()
    {
        var losses = new List<double>();
        var options = writing.FewSteps;
        options.Progress = progress => losses.Add(progress.Loss);
        using var untuned = Fit(writing.FewSteps, o => o.NumberOfEpochs = 0, o => o.NumberOfSteps = null);
        using var model = Fit(options);

        var tokenizer = untuned.Parts.Tokenizer;
        var encoder = new RowEncoder(tokenizer, untuned.Parts.Template, 128);
        var row = encoder.ForWriting(new PromptRow(null, [], "sea", "night"), WritingModel.AnswerToSeaAtNight);

        Assert.Equal(tokenizer.Encode("sea at night:", true), row.Ids[..row.AnswerStart]);
        Assert.Equal([.. tokenizer.Encode(WritingModel.AnswerToSeaAtNight, false), tokenizer.EndOfSequence], row.Ids[row.AnswerStart..]);
        // The first loss is that of the answers alone: another where the prompts count too.
        var withPrompt = new List<double>();
        using var other = Fit(writing.FewSteps, o => o.TrainOnPrompt = true, o => o.Progress = progress => withPrompt.Add(progress.Loss));
        Assert.NotEqual(losses[0], withPrompt[0]);
    }

    [Fact]
    public void The_seed_of_the_context_decides_where_no_other_is_set()
    {
        Assert.Equal(Nonsense(new MLContext(seed: 8)), Nonsense(new MLContext(seed: 8)));
        Assert.NotEqual(Nonsense(new MLContext(seed: 8)), Nonsense(new MLContext(seed: 9)));

        string Nonsense(MLContext context)
        {
            // Enough of a step to show which initial values it started from.
            var options = writing.FewSteps;
            options.LearningRate = 0.1f;
            using var model = WritingModel.Trainer(context, options).Fit(writing.Train);
            return string.Concat(WritingModel.Texts(model.Transform(writing.Train)));
        }
    }

    [Fact]
    public void Answers_that_are_too_long_lose_their_end_and_long_prompts_their_beginning()
    {
        var tokenizer = writing.Model.Parts.Tokenizer;
        var encoder = new RowEncoder(tokenizer, PromptTemplate.Plain.WithAnswerPrefix(""), 20);

        var longAnswer = encoder.ForWriting(new PromptRow("ab:", []), new string('x', 30));
        var longPrompt = encoder.ForWriting(new PromptRow(new string('y', 30), []), "x");
        var both = encoder.ForWriting(new PromptRow(new string('y', 30), []), new string('x', 30));

        Assert.Equal((20, false, true), (longAnswer.Ids.Length, longAnswer.PromptIsCut, longAnswer.AnswerIsCut));
        Assert.DoesNotContain(tokenizer.EndOfSequence, longAnswer.Ids);
        Assert.Equal((20, true, false), (longPrompt.Ids.Length, longPrompt.PromptIsCut, longPrompt.AnswerIsCut));
        Assert.Equal(tokenizer.EndOfSequence, longPrompt.Ids[^1]);
        Assert.Equal((20, 10, true, true), (both.Ids.Length, both.AnswerStart, both.PromptIsCut, both.AnswerIsCut));
        Assert.Equal(tokenizer.BeginOfSequence, both.Ids[0]);
    }

    [Fact]
    public void Rows_without_an_output_are_skipped_and_counted()
    {
        var lines = new List<string>();
        _context.Log += (_, e) => lines.Add(e.Message);
        using var model = Fit(writing.FewSteps, data: _context.Data.LoadFromEnumerable([.. WritingModel.Orders, new Order { Instruction = "sky" }]));

        Assert.Contains(lines, line => line.Contains("Skipped 1 of 4 rows of the training set: their output is missing.", StringComparison.Ordinal));
        var error =
            Assert.Throws<InvalidOperationException>(() => Fit(writing.FewSteps, data: _context.Data.LoadFromEnumerable([new Order { Instruction = "sky" }])));
        Assert.Contains("no output", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_schema_is_exact()
    {
        var trainer = WritingModel.Trainer(_context, writing.FewSteps);

        var promised = trainer.GetOutputSchema(SchemaTests.ShapeOf(writing.Train.Schema));
        var given = writing.Model.GetOutputSchema(writing.Train.Schema);

        Assert.Equal(["Instruction", "Input", "Output", "Generated"], promised.Select(c => c.Name));
        Assert.Equal(SchemaTests.Describe(SchemaTests.ShapeOf(given)), SchemaTests.Describe(promised));
        Assert.Equal(SchemaTests.Describe(promised), SchemaTests.Describe(SchemaTests.ShapeOf(writing.Model.Transform(writing.Train).Schema)));
        Assert.Equal(TextDataViewType.Instance, given["Generated"].Type);
    }

    [Fact]
    public void Missing_columns_and_wrong_types_are_named_together()
    {
        var trainer = WritingModel.Trainer(_context, writing.FewSteps);
        var data = _context.Data.LoadFromEnumerable(new[] { new { Instruction = 1f, Input = "a" } });

        foreach (var error in new[]
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => trainer.GetOutputSchema(SchemaTests.ShapeOf(data.Schema))),
            Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(data)),
        })
        {
            Assert.Contains("instruction column 'Instruction': expected text, got Single", error.Message, StringComparison.Ordinal);
            Assert.Contains("output column 'Output'", error.Message, StringComparison.Ordinal);
            Assert.Contains("Options.OutputColumnName", error.Message, StringComparison.Ordinal);
        }
        Assert.Contains("'Input'", Assert.Throws<ArgumentOutOfRangeException>(
            () => writing.Model.Transform(_context.Data.LoadFromEnumerable(new[] { new { Instruction = "sky" } }))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_wrong_options_are_named_at_once()
    {
        var options = new MokaTextGenerationTrainer.Options
        {
            InstructionColumnName = null!,
            OutputColumnName = "Text",
            GeneratedColumnName = "Text",
            PromptTemplate = new PromptTemplate("{input} {candidates}"),
            LearningRate = -1,
            Generation = new() { MaximumNewTokens = 0, Temperature = float.NaN, TopK = -1, TopP = 0, StopWords = [""] },
        };

        var error = Assert.Throws<ArgumentException>(() => WritingModel.Trainer(_context, options)).Message;

        string[] expected =
        [
            "InstructionColumnName is not set", "GeneratedColumnName and OutputColumnName are both 'Text'", "InputColumnName is not set", "no {instruction}",
            "{candidates}",
            "LearningRate is -1", "MaximumNewTokens is 0", "Temperature is NaN", "TopK is -1", "TopP is 0", "StopWords has an empty text",
        ];
        Assert.All(expected, text => Assert.Contains(text, error, StringComparison.Ordinal));
        Assert.Contains("TopP is 2", Assert.Throws<ArgumentException>(() => writing.Model.Options = new() { TopP = 2 }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_short_form_takes_names_backbone_epochs_and_validation()
    {
        using var model = _context.TextGeneration.Trainers.Moka(
            "Instruction", outputColumnName: "Output", backbonePath: writing.BackbonePath, numberOfEpochs: 1, validationSet: writing.Train).Fit(writing.Train);

        Assert.Same(PromptTemplate.Instruction, model.Parts.Template);
        Assert.Null(model.Parts.Inputs.Input);
    }

    [Fact]
    public void A_run_that_diverges_gives_the_model_with_the_last_good_weights()
    {
        var error = Assert.Throws<TrainingDivergedException>(() =>
            Fit(writing.FewSteps, o => o.LearningRate = 1e30f, o => o.NumberOfSteps = 5, o => o.MaximumGradientNorm = 0));

        using var model = error.TextGenerator;
        Assert.NotNull(model);
        Assert.Null(error.Model);
    }

    /// <summary>Real instructions on the embedded backbone: nothing to be proud of after a few steps, but the loss falls.</summary>
    [Fact]
    [Trait("Category", "Material")]
    public void The_loss_on_real_instructions_falls()
    {
        var rows = JsonSerializer.Deserialize<List<Order>>(
            File.ReadAllText(Material.Require("instruct/alpaca_en_demo.json")), JsonSerializerOptions.Web)!.Take(24).ToList();
        var data = _context.Data.LoadFromEnumerable(rows);
        var losses = new List<double>();
        using var model = _context.TextGeneration.Trainers.Moka(new MokaTextGenerationTrainer.Options
        {
            InputColumnName = "Input",
            MaximumTokens = 192,
            NumberOfSteps = 16,
            Generation = new() { MaximumNewTokens = 8 },
            Progress = progress => losses.Add(progress.Loss),
        }).Fit(data);

        Assert.True(losses[^4..].Average() < 0.9 * losses[..4].Average(), string.Join(' ', losses));
        Assert.Equal(2, WritingModel.Texts(model.Transform(_context.Data.TakeRows(data, 2))).Count(text => text.Length > 0));
    }

    private MokaTextGenerator Fit(MokaTextGenerationTrainer.Options options, params Action<MokaTextGenerationTrainer.Options>[] changes) =>
        Fit(options, writing.Train, changes);

    private MokaTextGenerator Fit(MokaTextGenerationTrainer.Options options, IDataView data, params Action<MokaTextGenerationTrainer.Options>[] changes)
    {
        foreach (var change in changes)
            change(options);
        return WritingModel.Trainer(_context, options).Fit(data);
    }
}
