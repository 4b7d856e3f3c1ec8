using Microsoft.ML.Data;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Classifiers by a head, from the trainer to the score.</summary>
public sealed class HeadTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Methods => [.. AdapterMethods.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void A_head_learns_and_is_scored_evaluated_saved_and_loaded(MokaHead head)
    {
        using var model = tuned.Pipeline(tuned.Context, Options(head)).Fit(tuned.Train);
        var test = tuned.Context.Data.LoadFromEnumerable(Row.Make(40, seed: 5));
        var scored = model.Transform(test);

        Assert.Equal(head, model.LastTransformer.Head);
        var metrics = tuned.Context.MulticlassClassification.Evaluate(scored);
        Assert.Equal(1, metrics.MicroAccuracy);
        Assert.InRange(metrics.LogLoss, 0, 0.3);
        var names = default(VBuffer<ReadOnlyMemory<char>>);
        scored.Schema["Score"].Annotations.GetValue("SlotNames", ref names);
        Assert.Equal(model.LastTransformer.Labels, names.DenseValues().Select(name => name.ToString()));
        var scores = TunedModel.Scores(scored);
        Assert.All(scores, row => Assert.Equal(1, row.Sum(), 1e-5));

        var path = _folder.File("model.zip");
        tuned.Context.Model.Save(model, tuned.Train.Schema, path);
        using var loaded = (TransformerChain<ITransformer>)tuned.Context.Model.Load(path, out _);
        Assert.Equal(scores, TunedModel.Scores(loaded.Transform(test)));
        Assert.Equal(head, loaded.OfType<MokaTransformer>().Single().Head);

        var named = model.Append(tuned.Context.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(scored));
        using var engine = tuned.Context.Model.CreatePredictionEngine<Row, Prediction>(named, new PredictionEngineOptions { OwnsTransformer = false });
        var row = Row.Make(40, seed: 5)[7];
        var prediction = engine.Predict(row);
        Assert.Equal(row.Label, prediction.PredictedLabel);
        Assert.Equal(scores[7], prediction.Score);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_head_goes_with_every_adapter_and_through_its_folder(string method)
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfSteps = 3;
        options.Adapter = AdapterMethods.Create(method);
        if (options.Adapter is LoraAdapter lora)
            lora.Rank = 4;
        options.Quantization = method == "lora" ? BackboneQuantization.None : BackboneQuantization.NF4;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var transformed = model.Transform(tuned.Train);
        var keyed = model.First().Transform(tuned.Train);
        var expected = TunedModel.Scores(transformed);
        model.LastTransformer.SaveAdapter(_folder.File("adapter"));

        using var other = model.LastTransformer.WithAdapter(_folder.File("adapter"));
        Assert.Equal(expected, TunedModel.Scores(other.Transform(keyed)));

        options.InitialAdapterPath = _folder.File("adapter");
        options.NumberOfSteps = 0;
        using var again = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        Assert.Equal(expected, TunedModel.Scores(again.Transform(tuned.Train)));
        Assert.Equal(2 * TinyBackbone.Config.HiddenSize + options.Adapter.Plan(TinyBackbone.Config.LinearMaps).Sum(plan => plan.ParameterCount),
            model.LastTransformer.TrainableParameterCount);
    }

    [Fact]
    public void Many_labels_need_no_words_in_the_prompt()
    {
        // 150 labels, told by one letter or two: of the words' likelihoods nothing would be left, and their tokens would not fit.
        var rows = Enumerable.Range(0, 150).Select(i => new Row
        {
            Text = $"{(char)('a' + i % 26)}{(char)('a' + i / 26)}",
            Label = $"label number {i} of many",
        });
        var data = tuned.Context.Data.LoadFromEnumerable(rows);
        var options = Options(MokaHead.Mean);
        options.PromptTemplate = null;
        options.MaximumTokens = 16;
        options.NumberOfSteps = 150;

        using var model = tuned.Pipeline(tuned.Context, options).Fit(data);

        Assert.Equal(150, model.LastTransformer.Labels.Count);
        Assert.Equal("Label", model.LastTransformer.PromptTemplate.ToString());
        Assert.InRange(tuned.Context.MulticlassClassification.Evaluate(model.Transform(data)).MicroAccuracy, 0.9, 1);
    }

    [Fact]
    public void An_adapter_without_a_head_gets_a_new_one_where_training_goes_on()
    {
        tuned.Model.SaveAdapter(_folder.File("words"));
        var options = Options(MokaHead.LastToken);
        options.InitialAdapterPath = _folder.File("words");
        options.NumberOfSteps = 1;
        options.LearningRate = 1e-12f;
        options.HeadLearningRate = 1e-12f;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        Assert.All(TunedModel.Scores(model.Transform(tuned.Train)), row => Assert.All(row, score => Assert.Equal(0.5, score, 1e-6)));
        Assert.Equal(tuned.Model.Adapter.Method, model.LastTransformer.Adapter.Method);
    }

    [Fact]
    public void What_a_head_cannot_do_is_refused_by_name()
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfSteps = 1;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var moka = model.LastTransformer;
        moka.SaveAdapter(_folder.File("adapter"));

        // Words over an adapter with a head, and the other way round.
        Contains("MokaHead.LastToken", Assert.Throws<InvalidDataException>(() => tuned.Model.WithAdapter(_folder.File("adapter"))));
        tuned.Model.SaveAdapter(_folder.File("words"));
        Contains("no head", Assert.Throws<InvalidDataException>(() => moka.WithAdapter(_folder.File("words"))));
        Contains("MokaHead.LastToken", Assert.Throws<InvalidDataException>(() => Fit(o =>
            (o.Head, o.HeadLearningRate, o.InitialAdapterPath) = (MokaHead.Words, null, _folder.File("adapter")))));
        Contains("over LastToken", Assert.Throws<InvalidDataException>(() => Fit(o =>
            (o.Head, o.InitialAdapterPath) = (MokaHead.Mean, _folder.File("adapter")))));
        Contains("trained on other labels", Assert.Throws<InvalidDataException>(() => Fit(o => o.InitialAdapterPath = _folder.File("adapter"), labels: 3)));
        Contains("a new head", Assert.Throws<InvalidOperationException>(() => Fit(o => o.NumberOfSteps = 0)));
        Contains("score.weight", Assert.Throws<InvalidDataException>(() => tuned.Context.TextGeneration.Trainers.Moka(new MokaTextGenerationTrainer.Options
        {
            BackbonePath = tuned.BackbonePath,
            InitialAdapterPath = _folder.File("adapter"),
            NumberOfEpochs = 0,
        }).Fit(tuned.Context.Data.LoadFromEnumerable(Array.Empty<InstructionRow>()))));

        // Programs that have no such head.
        Contains("score.weight", Assert.Throws<InvalidOperationException>(() => moka.SaveGguf(_folder.File("m.gguf"))));
        Contains("score.weight", Assert.Throws<InvalidOperationException>(() => moka.SaveAdapterGguf(_folder.File("a.gguf"))));
        Contains("score.weight", Assert.Throws<InvalidOperationException>(
            () => tuned.Context.Model.SaveGguf(tuned.BackbonePath, _folder.File("adapter"), _folder.File("m.gguf"))));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.gguf"));

        // Options that contradict each other, all at once.
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            Head = MokaHead.Mean, CandidatesColumnName = "Candidates", TrainOnPrompt = true, HeadLearningRate = 0, HeadWeightDecay = -1,
        }));
        foreach (var name in (string[])["CandidatesColumnName", "TrainOnPrompt", "HeadLearningRate", "HeadWeightDecay"])
            Contains(name, error);
        Contains("HeadLearningRate", Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { HeadLearningRate = 1e-3f })));
        Contains("LastToken", Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { Head = (MokaHead)7 })));

        void Fit(Action<MokaTrainer.Options> change, int labels = 2)
        {
            var changed = Options(MokaHead.LastToken);
            change(changed);
            var rows = Row.Make(20);
            for (var i = 2; i < labels; i++)
                rows.Add(new Row { Text = "neither", Label = $"other {i}" });
            tuned.Pipeline(tuned.Context, changed).Fit(tuned.Context.Data.LoadFromEnumerable(rows)).Dispose();
        }
    }

    [Fact]
    public void The_head_of_another_models_options_is_not_taken_over()
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfSteps = 1;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var words = tuned.FewSteps;
        words.Adapter = model.LastTransformer.Adapter;
        using var other = tuned.Pipeline(tuned.Context, words).Fit(tuned.Train);
        Assert.Equal(MokaHead.Words, other.LastTransformer.Head);
        Assert.Equal(model.LastTransformer.TrainableParameterCount - 2 * TinyBackbone.Config.HiddenSize, other.LastTransformer.TrainableParameterCount);
    }

    [Fact]
    public void The_best_weights_of_the_validation_set_have_their_head()
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfEpochs = 4;
        // What is learned of the training set is wrong here: the first look is the best.
        options.ValidationSet = tuned.Context.Data.LoadFromEnumerable(
            Row.Make(20, seed: 8).Select(row => new Row { Text = row.Text, Label = row.Label == "yes" ? "no" : "yes" }));
        var losses = new List<double>();
        options.Progress = progress =>
        {
            if (progress.ValidationLoss is { } loss)
                losses.Add(loss);
        };
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var found = tuned.Context.MulticlassClassification.Evaluate(model.Transform(options.ValidationSet)).LogLoss;
        Assert.True(losses[0] < losses[^1] - 0.1, string.Join(' ', losses));
        Assert.Equal(losses[0], found, 1e-4);
    }

    [Fact]
    public void A_merged_model_is_what_transformers_classifies_with()
    {
        using var model = tuned.Pipeline(tuned.Context, Options(MokaHead.LastToken)).Fit(tuned.Train);
        var moka = model.LastTransformer;
        moka.SaveMerged(_folder.File("merged"));

        var config = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json")))!;
        Assert.Equal("LlamaForSequenceClassification", (string?)config["architectures"]![0]);
        Assert.Equal(moka.Labels, config["id2label"]!.AsObject().OrderBy(pair => int.Parse(pair.Key, null)).Select(pair => (string)pair.Value!));
        Assert.Equal(1, (int)config["label2id"]![moka.Labels[1]]!);
        using (var checkpoint = Checkpoint.Open(new FolderFiles(_folder.File("merged"))))
        {
            Assert.False(checkpoint.Contains("lm_head.weight"));
            Assert.Equal([2, TinyBackbone.Config.HiddenSize], ((SafetensorsTensor)checkpoint["score.weight"]).Shape);
        }
        // A backbone with a head of its own would lose it in silence.
        Contains("score.weight", Assert.Throws<InvalidDataException>(() => BackboneDescription.Of(_folder.File("merged"))));

        moka.SaveAdapter(_folder.File("adapter"));
        tuned.Context.Model.Merge(tuned.BackbonePath, _folder.File("adapter"), _folder.File("merged again"));
        Assert.Contains("LABEL_1", File.ReadAllText(Path.Combine(_folder.File("merged again"), "config.json")), StringComparison.Ordinal);
        Contains("original", Assert.Throws<InvalidOperationException>(
            () => tuned.Context.Model.Unmerge(_folder.File("merged again"), _folder.File("adapter"), _folder.File("back"))));

        var mean = Options(MokaHead.Mean);
        mean.NumberOfSteps = 1;
        using var other = tuned.Pipeline(tuned.Context, mean).Fit(tuned.Train);
        Contains("Mean", Assert.Throws<InvalidOperationException>(() => other.LastTransformer.SaveMerged(_folder.File("mean"))));
    }

    [Fact]
    public void Benchmarks_do_not_ask_a_head()
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfSteps = 1;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        Contains("head", Assert.Throws<ArgumentException>(() => Moka.Evaluation.EvaluatedModel.Of("mine", model)));
    }

    private static void Contains(string part, Exception error) => Assert.Contains(part, error.Message, StringComparison.Ordinal);

    private MokaTrainer.Options Options(MokaHead head)
    {
        var options = tuned.Options;
        options.Head = head;
        options.HeadLearningRate = 1e-2f;
        return options;
    }
}
