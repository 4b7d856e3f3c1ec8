using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Backbones;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>What adapters do to embedding, head and biases, against backbones whose weights are changed by hand.</summary>
public sealed class PeftTableTests(TunedModel tuned) : IDisposable
{
    private const string Embedding = "base_model.model.model.embed_tokens";
    private const string Head = "base_model.model.lm_head";
    private const int Vocabulary = 320;
    private const int Width = 32;

    private readonly CpuBackend _backend = new(threads: 2);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (var name in (string[])["embedding saved", "head saved", "both saved", "tokens", "tokens of both", "LoRA on embedding", "LoRA on head",
                "LoRA on both", "nothing but the head", "enlarged", "enlarged and LoRA on head", "shrunk"])
                foreach (var tied in (bool[])[false, true])
                    cases.Add(name, tied);
            return cases;
        }
    }

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Embedding_and_head_are_what_the_files_make_of_them(string name, bool tied)
    {
        var config = TinyBackbone.Config with { TiedHead = tied };
        var backboneFolder = TinyBackbone.Write(_folder.File("backbone"), seed: 5, config);
        using var backbone = Load(backboneFolder);
        var (fields, tensors, embedding, head) = Case(name, Table(backbone, TokenTable.Embedding), Table(backbone, TokenTable.Head), tied);
        var rows = embedding.Length / Width;
        var adapterFolder = PeftFolder.Write(_folder.File("adapter"), fields, tensors);
        File.WriteAllText(Path.Combine(adapterFolder, "added_tokens.json"), """{"<more>":320}""");

        using var adapters = Open(adapterFolder, config).Load(_backend);
        var batch = RaggedBatch.Of([1, 2, 7, 3, rows - 1, 7, 0]);
        var logits = TinyLlama.Logits(backbone, batch, adapters);

        var isPlain = adapters.Adapters.Count == 0;
        using var checkpoint = Checkpoint.Open(new FolderFiles(backboneFolder));
        var changed = new Changed(new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)), embedding, head);
        using var reference = LlamaBackbone.Frozen(_backend, config with { TiedHead = false, VocabularySize = rows }, changed);
        AssertClose(isPlain ? TinyLlama.Logits(reference, batch) : WithLora(reference, fields, tensors, batch), logits);

        MergedFolder.WriteOf(new BackboneSource(new FolderFiles(backboneFolder), BackboneKind.Folder), adapterFolder, _folder.File("merged"), new());
        using var merged = Load(_folder.File("merged"));
        Assert.Equal(rows, merged.Config.VocabularySize);
        // A tokenizer beside an enlarged vocabulary belongs to it.
        Assert.Equal(rows != Vocabulary, File.Exists(Path.Combine(_folder.File("merged"), "added_tokens.json")));
        AssertClose(logits, TinyLlama.Logits(merged, batch));

        var error = Assert.Throws<InvalidOperationException>(() => MergedFolder.Unmerge(_folder.File("merged"), adapterFolder, _folder.File("original")));
        Assert.Contains("take the original backbone", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen2", "all")]
    [InlineData("qwen2", "none")]
    [InlineData("llama", "all")]
    public void Biases_are_replaced_and_added_to(string architecture, string kind)
    {
        var config = TinyArchitectures.Of(architecture) with { VocabularySize = Vocabulary };
        var backboneFolder = TinyBackbone.Write(_folder.File("backbone"), seed: 6, config);
        using var backbone = Load(backboneFolder);
        var query = config.Query(0);
        List<SafetensorsTensor> tensors =
        [
            PeftFolder.Random(AdapterTensors.NameOf(query, "lora_A.weight"), 2, query.Columns),
            PeftFolder.Random(AdapterTensors.NameOf(query, "lora_B.weight"), query.Rows, 2),
            PeftFolder.Random(AdapterTensors.NameOf(query, "lora_B.bias"), query.Rows),
        ];
        var ownBiases = config.QueryKeyValueBias && kind == "all";
        if (ownBiases)
            tensors.AddRange([
                PeftFolder.Random(AdapterTensors.NameOf(query, "base_layer.bias"), query.Rows),
                PeftFolder.Random(AdapterTensors.NameOf(config.Key(1), "bias"), config.Key(1).Rows)]);
        var fields = PeftFolder.Config("""{"peft_type":"LORA","r":2,"lora_alpha":8,"lora_bias":true,"target_modules":["model.layers.0.self_attn.q_proj"]}""");
        fields["bias"] = kind;
        var folder = PeftFolder.Write(_folder.File("adapter"), fields, tensors);
        using var adapters = Open(folder, config).Load(_backend);
        var batch = RaggedBatch.Of([1, 2, 7, 3, 9]);
        var logits = TinyLlama.Logits(backbone, batch, adapters);

        // The same as LoRA alone over a backbone with these biases.
        using var checkpoint = Checkpoint.Open(new FolderFiles(backboneFolder));
        var weights = new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None));
        var added = tensors[2].ToFloats();
        var before = ownBiases ? tensors[3].ToFloats()
            : config.QueryKeyValueBias ? weights.Vector(TensorNames.BiasOf(query), query.Rows) : new float[query.Rows];
        var biases = new Dictionary<string, float[]> { [TensorNames.BiasOf(query)] = [.. before.Zip(added, (b, a) => b + 4 * a)] };
        if (ownBiases)
            biases[TensorNames.BiasOf(config.Key(1))] = tensors[4].ToFloats();
        var biased = config.QueryKeyValueBias ? config : config with { QueryKeyValueBias = true, OutputBias = true };
        using var reference = LlamaBackbone.Frozen(_backend, biased, new WithBiases(weights, biases));
        AssertClose(WithLora(reference, fields, tensors, batch), logits);

        MergedFolder.WriteOf(new BackboneSource(new FolderFiles(backboneFolder), BackboneKind.Folder), folder, _folder.File("merged"), new());
        using var merged = Load(_folder.File("merged"));
        AssertClose(logits, TinyLlama.Logits(merged, batch));
        var written = AdapterConfigFile.Write(adapters.Options, [.. config.LinearMaps], null);
        Assert.Equal(kind, (string?)PeftFolder.Config(System.Text.Encoding.UTF8.GetString(written))["bias"]);
        Assert.Equal(tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal),
            AdapterTensors.From(_backend, adapters).Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("both saved")]
    [InlineData("tokens")]
    [InlineData("LoRA on both")]
    [InlineData("enlarged")]
    public void A_trainer_goes_on_and_its_model_is_saved_in_every_way(string name)
    {
        var config = TinyBackbone.Config;
        float[] before = new float[Vocabulary * Width];
        var (fields, tensors, _, _) = Case(name, before, before, tied: true);
        var folder = PeftFolder.Write(_folder.File("adapter"), fields, tensors);
        var options = tuned.FewSteps;
        options.InitialAdapterPath = folder;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        model.SaveAdapter(_folder.File("saved"));

        using (var read = SafetensorsFile.Open(Path.Combine(_folder.File("saved"), StoredAdapter.WeightsName)))
        {
            Assert.Equal(tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), read.Names.Order(StringComparer.Ordinal));
            // Tables that are there because the vocabulary grew are not trained.
            foreach (var tensor in tensors)
                Assert.Equal(name == "enlarged" && tensor.Shape[0] > Vocabulary, tensor.ToFloats().SequenceEqual(read[tensor.Name].ToFloats()));
        }
        var scores = TunedModel.Scores(model.Transform(tuned.Train));
        using var other = model.WithAdapter(_folder.File("saved"));
        Assert.Equal(scores, TunedModel.Scores(other.Transform(tuned.Train)));
        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        Assert.Equal(scores, TunedModel.Scores(tuned.Context.Model.Load(_folder.File("model.zip"), out _).Transform(tuned.Train)));
        model.SaveMerged(_folder.File("merged"), new MergeOptions { KeepQuantizationErrors = true });
        var untuned = tuned.FewSteps;
        (untuned.NumberOfSteps, untuned.BackbonePath, untuned.Quantization) = (0, _folder.File("merged"), BackboneQuantization.None);
        using var merged = tuned.Pipeline(tuned.Context, untuned).Fit(tuned.Train).LastTransformer;
        foreach (var (expected, actual) in scores.Zip(TunedModel.Scores(merged.Transform(tuned.Train))))
            for (var i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], 2e-4);
        var error = Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(_folder.File("lokr"), AdapterFileFormat.Lokr));
        Assert.Contains("Save it as trained", error.Message, StringComparison.Ordinal);
        Assert.Equal(config.VocabularySize + (name == "enlarged" ? 3 : 0), LlamaConfigFile.Read(new FolderFiles(_folder.File("merged"))).VocabularySize);
    }

    [Fact]
    public void What_cannot_be_followed_is_named()
    {
        var lora = PeftFolder.Lora(2, "q_proj");
        Assert.Contains(
            "rows and the head", Refusal("{}", [.. lora, PeftFolder.Random($"{Embedding}.weight", 330, Width)], tied: false), StringComparison.Ordinal);
        Assert.Contains("rows of 32", Refusal("{}", [.. lora, PeftFolder.Random($"{Head}.weight", Vocabulary, 16)]), StringComparison.Ordinal);
        Assert.Contains("'modules_to_save' names lm_head", Refusal("""{"modules_to_save":["lm_head"]}""", lora), StringComparison.Ordinal);
        Assert.Contains(
            "another field names too", Refusal("""{"modules_to_save":["lm_head"],"target_modules":["q_proj","lm_head"]}""", lora), StringComparison.Ordinal);
        Assert.Contains("only plain LoRA", Refusal("""{"use_dora":true,"target_modules":["q_proj","lm_head"]}""", lora), StringComparison.Ordinal);
        Assert.Contains("'ensure_weight_tying'", Refusal("""{"ensure_weight_tying":true,"modules_to_save":["lm_head"]}""",
            [.. lora, PeftFolder.Random($"{Head}.weight", Vocabulary, Width)]), StringComparison.Ordinal);
        Assert.Contains("the backbone has none there", Refusal("""{"bias":"all"}""",
            [.. lora, PeftFolder.Random(AdapterTensors.NameOf(TinyBackbone.Config.Key(0), "bias"), 16)]), StringComparison.Ordinal);
        Assert.Contains("beside magnitudes", Refusal("""{"use_dora":true,"lora_bias":true}""", lora), StringComparison.Ordinal);
        Assert.Contains("Rank must be between 1 and 32", Refusal("""{"r":40,"target_modules":["q_proj","lm_head"]}""", lora), StringComparison.Ordinal);

        string Refusal(string changes, IEnumerable<SafetensorsTensor> tensors, bool tied = true)
        {
            var fields = PeftFolder.Config("""{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""");
            foreach (var (name, value) in PeftFolder.Config(changes))
                fields[name] = value?.DeepClone();
            var folder = PeftFolder.Write(_folder.File("refused"), fields, tensors);
            return Assert.Throws<InvalidDataException>(() => Open(folder, TinyBackbone.Config with { TiedHead = tied })).Message;
        }
    }

    private static (JsonObject Fields, List<SafetensorsTensor> Tensors, float[] Embedding, float[] Head) Case(
        string name, float[] embedding, float[] head, bool tied)
    {
        var fields = PeftFolder.Config("""{"peft_type":"LORA","r":2,"lora_alpha":8,"target_modules":["q_proj"]}""");
        var tensors = PeftFolder.Lora(2, "q_proj");
        switch (name)
        {
            case "embedding saved":
                fields["modules_to_save"] = JsonNode.Parse("""["embed_tokens"]""");
                return (fields, tensors, Add($"{Embedding}.weight", Vocabulary, Width), head);
            case "head saved":
                fields["modules_to_save"] = JsonNode.Parse("""["lm_head"]""");
                return (fields, tensors, embedding, Add($"{Head}.weight", Vocabulary, Width));
            case "both saved":
                fields["modules_to_save"] = JsonNode.Parse("""["lm_head","model.embed_tokens"]""");
                return (fields, tensors, Add($"{Embedding}.weight", Vocabulary, Width), Add($"{Head}.weight", Vocabulary, Width));
            case "tokens":
                fields["trainable_token_indices"] = JsonNode.Parse("[7,2]");
                var tokens = Add($"{Embedding}.token_adapter.trainable_tokens_delta", 2, Width);
                return (fields, tensors, WithRows(embedding, tokens, 7, 2), tied ? WithRows(head, tokens, 7, 2) : head);
            case "tokens of both":
                fields["trainable_token_indices"] = JsonNode.Parse("""{"embed_tokens":[7,2],"lm_head":[300]}""");
                return (fields, tensors, WithRows(embedding, Add($"{Embedding}.token_adapter.trainable_tokens_delta", 2, Width), 7, 2),
                    WithRows(head, Add($"{Head}.token_adapter.trainable_tokens_delta", 1, Width), 300));
            case "LoRA on embedding":
                fields["target_modules"] = JsonNode.Parse("""["q_proj","embed_tokens"]""");
                return (fields, tensors, LoraOnEmbedding(embedding), head);
            case "LoRA on head":
                fields["target_modules"] = JsonNode.Parse("""["q_proj","lm_head"]""");
                return (fields, tensors, embedding, LoraOnHead(head));
            case "LoRA on both":
                fields["target_modules"] = @".*(q_proj|embed_tokens)|lm_head";
                return (fields, tensors, LoraOnEmbedding(embedding), LoraOnHead(head));
            case "nothing but the head":
                fields["target_modules"] = JsonNode.Parse("""["lm_head"]""");
                tensors.Clear();
                return (fields, tensors, embedding, LoraOnHead(head));
            case "enlarged":
                return (fields, tensors, Add($"{Embedding}.weight", Vocabulary + 3, Width), Add($"{Head}.weight", Vocabulary + 3, Width));
            case "shrunk":
                // PEFT gives a tied head the embedding's tensor, and it may be stored once.
                var small = Add($"{Embedding}.weight", Vocabulary - 9, Width);
                return (fields, tensors, small, tied ? small : Add($"{Head}.weight", Vocabulary - 9, Width));
            default:
                fields["target_modules"] = JsonNode.Parse("""["q_proj","lm_head"]""");
                var table = Add($"{Embedding}.weight", Vocabulary + 3, Width);
                return (fields, tensors, table, LoraOnHead(Add($"{Head}.base_layer.weight", Vocabulary + 3, Width)));
        }

        float[] Add(string tensor, int rows, int columns)
        {
            tensors.Add(PeftFolder.Random(tensor, rows, columns));
            return tensors[^1].ToFloats();
        }

        float[] LoraOnEmbedding(float[] before)
        {
            var (a, b) = (Add($"{Embedding}.lora_embedding_A", 2, before.Length / Width), Add($"{Embedding}.lora_embedding_B", Width, 2));
            var rows = before.Length / Width;
            return [.. before.Select((value, i) => value + 4 * (a[i / Width] * b[i % Width * 2] + a[rows + i / Width] * b[i % Width * 2 + 1]))];
        }

        float[] LoraOnHead(float[] before)
        {
            var (a, b) = (Add($"{Head}.lora_A.weight", 2, Width), Add($"{Head}.lora_B.weight", before.Length / Width, 2));
            return [.. before.Select((value, i) => value + 4 * (b[i / Width * 2] * a[i % Width] + b[i / Width * 2 + 1] * a[Width + i % Width]))];
        }
    }

    private static float[] WithRows(float[] table, float[] rows, params int[] tokens)
    {
        var changed = (float[])table.Clone();
        for (var i = 0; i < tokens.Length; i++)
            rows.AsSpan(i * Width, Width).CopyTo(changed.AsSpan(tokens[i] * Width));
        return changed;
    }

    /// <summary>The logits with LoRA on q_proj alone.</summary>
    private float[] WithLora(LlamaBackbone reference, JsonObject fields, List<SafetensorsTensor> tensors, RaggedBatch batch)
    {
        List<SafetensorsTensor> ofMaps =
            [.. tensors.Where(tensor => tensor.Name.Contains("layers.", StringComparison.Ordinal) && !tensor.Name.EndsWith("bias", StringComparison.Ordinal))];
        var config = PeftFolder.Config("""{"peft_type":"LORA"}""");
        (config["r"], config["lora_alpha"]) = (fields["r"]!.DeepClone(), fields["lora_alpha"]!.DeepClone());
        using var adapters = Open(PeftFolder.Write(_folder.File("plain"), config, ofMaps), reference.Config).Load(_backend);
        return TinyLlama.Logits(reference, batch, adapters);
    }

    private LlamaBackbone Load(string folder) => LlamaBackbone.Load(_backend, new FolderFiles(folder), new QuantizationOptions(BackboneQuantization.None));

    private static StoredAdapter Open(string folder, LlamaConfig config) => StoredAdapter.Open(folder, config.LinearMaps, config.Shape);

    private float[] Table(LlamaBackbone backbone, TokenTable table)
    {
        using var expanded = _backend.Expand(backbone.Table(table));
        return TinyLlama.Download(_backend, expanded);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 2e-5 * scale);
    }

    private sealed class Changed(WeightSource inner, float[] embedding, float[] head) : WeightSource
    {
        public override bool Contains(string name) => name == TensorNames.Head || inner.Contains(name);

        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap) => name switch
        {
            TensorNames.Embedding => Dense(embedding, rows, columns),
            TensorNames.Head => Dense(head, rows, columns),
            _ => inner.Matrix(name, rows, columns, isLinearMap),
        };

        public override float[] Vector(string name, int length) => inner.Vector(name, length);

        private static DenseMatrix Dense(float[] values, int rows, int columns) =>
            new(rows, columns, DenseFormat.Float32, FloatFormats.FromFloats(DenseFormat.Float32, values));
    }

    private sealed class WithBiases(WeightSource inner, Dictionary<string, float[]> biases) : WeightSource
    {
        public override bool Contains(string name) => inner.Contains(name);

        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap) => inner.Matrix(name, rows, columns, isLinearMap);

        public override float[] Vector(string name, int length) =>
            biases.GetValueOrDefault(name) ?? (inner.Contains(name) ? inner.Vector(name, length) : new float[length]);
    }
}
