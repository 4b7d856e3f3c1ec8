using System.Globalization;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>Checks all options of a trainer at once, so that whoever has several wrong hears of all of them.</summary>
internal sealed class OptionsCheck
{
    private readonly List<string> _problems = [];

    /// <exception cref="ArgumentException">One or more options make no sense.</exception>
    public static void Run(MokaTrainer.Options options)
    {
        var check = new OptionsCheck();
        check.Columns(options);
        check.Head(options);
        check.Require(options.CandidatesColumnName is null || options.Head == MokaHead.Words,
            $"CandidatesColumnName is '{options.CandidatesColumnName}' and Head is {options.Head}, which tells all labels apart and knows nothing of words: "
            + "set only one of them.");
        check.Tuning(options);
        check.ThrowIfAny();
    }

    /// <inheritdoc cref="Run(MokaTrainer.Options)"/>
    public static void Run(MokaBinaryTrainer.Options options)
    {
        var check = new OptionsCheck();
        check.Prompt(
            options,
            [
                (nameof(options.PredictedLabelColumnName), options.PredictedLabelColumnName), (nameof(options.ScoreColumnName), options.ScoreColumnName),
                (nameof(options.ProbabilityColumnName), options.ProbabilityColumnName),
            ],
            []);
        foreach (var (option, word) in ((string, string?)[])
            [(nameof(options.PositiveWord), options.PositiveWord), (nameof(options.NegativeWord), options.NegativeWord)])
            check.Require(!string.IsNullOrWhiteSpace(word), $"{option} is blank: a language model cannot answer with nothing.");
        check.Require(options.PositiveWord != options.NegativeWord,
            $"PositiveWord and NegativeWord are both '{options.PositiveWord}': give the two answers different words.");
        check.Head(options);
        check.Tuning(options);
        check.ThrowIfAny();
    }

    /// <inheritdoc cref="Run(MokaTrainer.Options)"/>
    public static void Run(MokaRegressionTrainer.Options options)
    {
        var check = new OptionsCheck();
        check.Prompt(options, [(nameof(options.ScoreColumnName), options.ScoreColumnName)], []);
        check.Require(options.PromptTemplate?.Uses("candidates") is not true, "The prompt template has {candidates}, but a number has none: leave it out.");
        check.Require(options.Head != MokaHead.Words, "Head is Words, but a number has none: use LastToken or Mean.");
        check.Head(options);
        check.Tuning(options);
        check.ThrowIfAny();
    }

    /// <inheritdoc cref="Run(MokaTrainer.Options)"/>
    public static void Run(MokaMultiLabelTrainer.Options options)
    {
        var check = new OptionsCheck();
        check.Prompt(
            options,
            [
                (nameof(options.PredictedLabelColumnName), options.PredictedLabelColumnName), (nameof(options.ScoreColumnName), options.ScoreColumnName),
                (nameof(options.ProbabilityColumnName), options.ProbabilityColumnName),
            ],
            []);
        check.Require(options.PromptTemplate?.Uses("candidates") is not true,
            "The prompt template has {candidates}, and a head tells several labels without their words: leave it out.");
        check.Require(options.Head != MokaHead.Words, "Head is Words, and words tell one label: use LastToken or Mean.");
        check.InRange(options.Threshold is > 0 and < 1, options.Threshold, nameof(options.Threshold), "above 0 and below 1");
        check.Head(options);
        check.Tuning(options);
        check.ThrowIfAny();
    }

    /// <inheritdoc cref="Run(MokaTrainer.Options)"/>
    public static void Run(MokaTextGenerationTrainer.Options options)
    {
        var check = new OptionsCheck();
        check.Columns(options);
        check.Tuning(options);
        if (options.Generation is null)
            check._problems.Add($"Generation is not set: use new {nameof(TextGenerationOptions)}().");
        else
            check._problems.AddRange(options.Generation.Problems());
        check.ThrowIfAny();
    }

    /// <inheritdoc cref="Run(MokaTrainer.Options)"/>
    public static void Run(MokaEmbeddingEstimator.Options options)
    {
        var check = new OptionsCheck();
        check.Names(
            [(nameof(options.OutputColumnName), options.OutputColumnName)], [(nameof(options.TextColumnName), options.TextColumnName)]);
        if (options.PromptTemplate is { } template)
            check.Require(template.Uses("text") && !template.Uses("instruction") && !template.Uses("input") && !template.Uses("candidates")
                && template.Columns.Count == 0,
                "PromptTemplate has other placeholders than {text}, and an embedding reads a text alone: put what is the same in all rows into the template.");
        check.Backbone(options.BackbonePath, options.Precision, options.Quantization);
        check.Adapter(options.AdapterPath, nameof(options.AdapterPath));
        check.Require(options.MaximumTokens >= 8, $"MaximumTokens is {options.MaximumTokens}; at least 8 are needed for a text.");
        check.ThrowIfAny();
    }

    private void ThrowIfAny()
    {
        if (_problems.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, _problems), "options");
    }

    private void Tuning(TuningOptions options)
    {
        Backbone(options);
        Training(options);
        Validation(options);
    }

    private void Head(ScoringOptions options)
    {
        Require(Enum.IsDefined(options.Head), $"Head is {options.Head}: there are {string.Join(", ", Enum.GetNames<MokaHead>())}.");
        if (options.HeadLearningRate is { } rate)
        {
            InRange(rate > 0 && float.IsFinite(rate), rate, nameof(options.HeadLearningRate), "above 0");
            Require(options.Head != MokaHead.Words, "HeadLearningRate is set, and Head is Words, where no head is trained: set only one of them.");
        }
        var decay = options.HeadWeightDecay;
        InRange(decay >= 0 && float.IsFinite(decay), decay, nameof(options.HeadWeightDecay), "at least 0");
        Require(!options.TrainOnPrompt || options.Head == MokaHead.Words,
            $"TrainOnPrompt is true and Head is {options.Head}, which learns no tokens: set only one of them.");
    }

    private void Columns(MokaTrainer.Options options)
    {
        Prompt(
            options,
            [
                (nameof(options.ScoreColumnName), options.ScoreColumnName), (nameof(options.PredictedLabelColumnName), options.PredictedLabelColumnName),
                (nameof(options.LabelKeyColumnName), options.LabelKeyColumnName),
            ],
            [(nameof(options.CandidatesColumnName), options.CandidatesColumnName)]);
    }

    /// <summary>The columns that a score is made of, the label, and their template.</summary>
    private void Prompt(ScoringOptions options, (string Option, string? Name)[] outputs, (string Option, string? Name)[] others)
    {
        Names(
            outputs,
            [
                (nameof(options.LabelColumnName), options.LabelColumnName), (nameof(options.TextColumnName), options.TextColumnName),
                (nameof(options.InstructionColumnName), options.InstructionColumnName), (nameof(options.InputColumnName), options.InputColumnName),
                (nameof(options.ExampleWeightColumnName), options.ExampleWeightColumnName), .. others,
            ]);
        var template = PromptColumns.TemplateOf(options);
        Named(template, outputs, options.LabelColumnName, nameof(options.LabelColumnName));
        var read = PromptColumns.ColumnsOf(options);
        NotRead(
            options.LabelColumnName, nameof(options.LabelColumnName), (nameof(options.TextColumnName), read.Text),
            (nameof(options.InstructionColumnName), read.Instruction), (nameof(options.InputColumnName), read.Input));
        Require(options.ExampleWeightColumnName is not { } weight || weight != options.LabelColumnName,
            $"ExampleWeightColumnName and LabelColumnName are both '{options.LabelColumnName}': a row's label does not say how much it counts.");
        Input(template, options.InputColumnName);
        Require(options.InstructionColumnName is null || template.Uses("instruction"),
            $"InstructionColumnName is '{options.InstructionColumnName}', but the prompt template has no {{instruction}}: " +
            $"put it where the instruction belongs, or do not set the column.");
    }

    private void Columns(MokaTextGenerationTrainer.Options options)
    {
        if (options.MessagesColumnName is not null)
        {
            Names(
                [(nameof(options.GeneratedColumnName), options.GeneratedColumnName)], [(nameof(options.MessagesColumnName), options.MessagesColumnName)]);
            Require(options.PromptTemplate is null,
                "PromptTemplate and MessagesColumnName are both set: conversations have the form of a ChatTemplate; leave out the one that is not meant.");
            Require(options.InputColumnName is null,
                "InputColumnName and MessagesColumnName are both set: a conversation has all in its messages; leave out the one that is not meant.");
            return;
        }
        Names(
            [(nameof(options.GeneratedColumnName), options.GeneratedColumnName)],
            [
                (nameof(options.OutputColumnName), options.OutputColumnName), (nameof(options.InstructionColumnName), options.InstructionColumnName),
                (nameof(options.InputColumnName), options.InputColumnName),
            ],
            instructionIsNeeded: true);
        var template = options.PromptTemplate ?? PromptTemplate.Instruction;
        Named(
            template, [(nameof(options.GeneratedColumnName), options.GeneratedColumnName)], options.OutputColumnName, nameof(options.OutputColumnName));
        NotRead(
            options.OutputColumnName, nameof(options.OutputColumnName), (nameof(options.InstructionColumnName), options.InstructionColumnName),
            (nameof(options.InputColumnName), options.InputColumnName));
        Input(template, options.InputColumnName);
        Require(template.Uses("instruction") || template.Uses("text"), "The prompt template has no {instruction}: put it where the instruction belongs.");
        Require(!template.Uses("candidates"), "The prompt template has {candidates}, but a text that is to be written has none: leave it out.");
    }

    private void Names((string Option, string? Name)[] outputs, (string Option, string? Name)[] inputs, bool instructionIsNeeded = false)
    {
        foreach (var (option, name) in outputs.Concat(inputs))
        {
            var isNeeded = IsNeeded(option) || (instructionIsNeeded && option == nameof(MokaTrainer.Options.InstructionColumnName));
            Require(name is null ? !isNeeded : name.Length > 0, $"{option} is {(name is null ? "not set" : "empty")}: give the name of a column.");
        }
        for (var i = 0; i < outputs.Length; i++)
            foreach (var (option, name) in outputs.Take(i))
                Require(name is null || name != outputs[i].Name,
                    $"{option} and {outputs[i].Option} are both '{name}': give the two outputs different names.");
        foreach (var (option, name) in outputs.Where(output => output.Name is not null))
            foreach (var (input, inputName) in inputs)
                Require(name != inputName, $"{option} and {input} are both '{name}': an output must not hide an input.");
    }

    private void Named(PromptTemplate template, (string Option, string? Name)[] outputs, string? answer, string option)
    {
        Require(answer is null || !template.Columns.Contains(answer),
            $"The prompt template has {{{answer}}}, which is {option}: the model would read the answer instead of learning to give it. Leave it out.");
        foreach (var (output, name) in outputs)
            Require(name is null || !template.Columns.Contains(name),
                $"{output} and the prompt template both name '{name}': an output must not hide an input.");
    }

    private void NotRead(string? answer, string answerOption, params ReadOnlySpan<(string Option, string? Name)> inputs)
    {
        foreach (var (option, name) in inputs)
            Require(string.IsNullOrEmpty(name) || name != answer,
                $"{option} and {answerOption} are both '{name}': the model would read the answer instead of learning to give it. Name another column.");
    }

    private void Input(PromptTemplate template, string? column)
    {
        Require(column is null || template.Uses("input"),
            $"InputColumnName is '{column}', but the prompt template has no {{input}}: put it where the input belongs, or do not set the column.");
        Require(column is not null || template.TextWithoutInput is not null || !template.Uses("input"),
            "The prompt template has {input}, but InputColumnName is not set: name the column.");
    }

    private static bool IsNeeded(string option) => option is not
        (nameof(MokaTrainer.Options.InstructionColumnName) or nameof(MokaTrainer.Options.InputColumnName) or nameof(MokaTrainer.Options.CandidatesColumnName)
            or nameof(MokaTrainer.Options.LabelKeyColumnName) or nameof(MokaTrainer.Options.ExampleWeightColumnName));

    private void BackbonePath(string path)
    {
        try
        {
            var found = CachedModel.Resolve(path);
            Require(Directory.Exists(found) || GgufFiles.IsGguf(found),
                $"BackbonePath is '{path}', which is neither a folder nor a GGUF file: " +
                $"give the folder of a LLaMA in Hugging Face form (config.json, safetensors, tokenizer), a GGUF file, or the name of a model that " +
                "'moka pull' has fetched.");
        }
        catch (Exception e) when (e is FileNotFoundException or InvalidDataException or ArgumentException)
        {
            _problems.Add($"BackbonePath is {e.Message}");
        }
    }

    private void Backbone(TuningOptions options)
    {
        Backbone(options.BackbonePath, options.Precision, options.Quantization);
        Adapter(options.InitialAdapterPath, nameof(options.InitialAdapterPath));
        Require(options.Adapter is not null, $"Adapter is not set: use new {nameof(MokaAdapter)}().");
        var needsLosses = options.InitialAdapterPath is null && options.Adapter?.StartsFromOriginalWeights == true;
        Require(!needsLosses || options.Quantization != BackboneQuantization.None,
            "InitialValues is LoftQ and Quantization is None, so that nothing is lost that it could make up for: set Quantization to NF4, or leave " +
            "InitialValues as they are.");
        Require(options.MaximumTokens >= 8, $"MaximumTokens is {options.MaximumTokens}; at least 8 are needed for a prompt and an answer.");
    }

    private void Backbone(string? path, MokaPrecision? precision, BackboneQuantization quantization)
    {
        if (path is not null)
            BackbonePath(path);
        Require(precision is not { } asked || Enum.IsDefined(asked),
            $"Precision is {precision}: there are {string.Join(", ", Enum.GetNames<MokaPrecision>())}.");
        Require(Enum.IsDefined(quantization), $"Quantization is {quantization}: there are {string.Join(", ", Enum.GetNames<BackboneQuantization>())}.");
    }

    private void Adapter(string? folder, string option) => Require(folder is null || Directory.Exists(folder),
        $"{option} is '{folder}', and there is no such folder: give the folder of an adapter in PEFT's form (adapter_config.json, adapter_model.safetensors).");

    private void Training(TuningOptions options)
    {
        AtLeast(options.NumberOfEpochs ?? 0, 0, nameof(options.NumberOfEpochs));
        AtLeast(options.NumberOfSteps ?? 0, 0, nameof(options.NumberOfSteps));
        AtLeast(options.BatchTokens, 1, nameof(options.BatchTokens));
        AtLeast(options.BatchRows ?? 1, 1, nameof(options.BatchRows));
        AtLeast(options.GradientAccumulation, 1, nameof(options.GradientAccumulation));
        Require(Enum.IsDefined(options.GradientExchange),
            $"GradientExchange is {options.GradientExchange}: there are {string.Join(", ", Enum.GetNames<MokaExchange>())}.");
        Require(options.GradientExchange == MokaExchange.Float32 || options.Workers is not null,
            $"GradientExchange is {options.GradientExchange}, and there are no Workers to exchange with: set only both of them.");
        if (options.LearningRate is { } rate)
            InRange(rate > 0 && float.IsFinite(rate), rate, nameof(options.LearningRate), "above 0");
        InRange(options.WarmupFraction is >= 0 and <= 1, options.WarmupFraction, nameof(options.WarmupFraction), "from 0 to 1");
        InRange(options.WeightDecay >= 0 && float.IsFinite(options.WeightDecay), options.WeightDecay, nameof(options.WeightDecay), "at least 0");
        InRange(options.MaximumGradientNorm >= 0 && float.IsFinite(options.MaximumGradientNorm), options.MaximumGradientNorm,
            nameof(options.MaximumGradientNorm), "at least 0");
        Require(Enum.IsDefined(options.LearningRateSchedule),
            $"LearningRateSchedule is {options.LearningRateSchedule}: there are {string.Join(", ", Enum.GetNames<LearningRateSchedule>())}.");
        Require(options.CheckpointInterval >= TimeSpan.Zero,
            FormattableString.Invariant($"CheckpointInterval is {options.CheckpointInterval}; it must be at least 0."));
        if (options.TensorBoardFolder is { } board)
            Require(board.Length > 0 && !File.Exists(board),
                $"TensorBoardFolder is '{board}', which is no folder: name a folder, which is made if it is not there.");
        if (options.CheckpointFolder is { } folder)
            Require(folder.Length > 0 && !File.Exists(folder),
                $"CheckpointFolder is '{folder}', which is no folder: name a folder, which is made if it is not there.");
    }

    private void Validation(TuningOptions options)
    {
        InRange(options.ValidationFraction is >= 0 and < 1, options.ValidationFraction, nameof(options.ValidationFraction), "from 0 to below 1");
        Require(options.ValidationSet is null || options.ValidationFraction is 0,
            "ValidationSet and ValidationFraction are both set: choose one.");
        AtLeast(options.ValidationInterval ?? 1, 1, nameof(options.ValidationInterval));
        AtLeast(options.EarlyStoppingPatience ?? 1, 1, nameof(options.EarlyStoppingPatience));
    }

    private void AtLeast(int value, int least, string option) => Require(value >= least, $"{option} is {value}; it must be at least {least}.");

    private void InRange(bool valid, double value, string option, string range) =>
        Require(valid, string.Create(CultureInfo.InvariantCulture, $"{option} is {value}; it must be {range}."));

    private void Require(bool valid, string problem)
    {
        if (!valid)
            _problems.Add(problem);
    }
}
