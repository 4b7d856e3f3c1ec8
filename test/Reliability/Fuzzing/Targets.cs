using System.IO.Compression;
using System.Text;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Evaluation.Reports;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Reliability.Fuzzing;

/// <summary>Every reader of the package.</summary>
internal static class Targets
{
    /// <summary>Of readers that come to the scores of a model, or write files.</summary>
    private const int Slow = 1000;

    private const string Sentence = "Ünderstand <|begin_of_text|> the and\n\n 123 日本\t</s>";

    public static IReadOnlyList<Target> All(Samples samples) =>
    [
        Safetensors(samples), Config(samples), Backbone(samples), BitsAndBytes(samples), Gguf(samples), AdapterWeights(samples), AdapterConfig(samples),
        Tokenizer(samples, "tokenizer-json", BackboneTokenizerFile, SmallTokenizers.ByteLevel(), "hf-tokenizers", "tokenizer.json"),
        Tokenizer(samples, "sentencepiece", "tokenizer.model", SmallTokenizers.SentencePiece(), "stories260K", "tokenizer.model"),
        Tokenizer(samples, "tiktoken", "tokenizer.model", SmallTokenizers.Tiktoken(), "tokenizers", "*.tiktoken"),
        Template(), ChatTemplate(samples), Benchmark(samples), Conversations(samples), Csv(), Results(samples), Report(samples), Checkpoint(samples),
        Zip(samples),
    ];

    private const string BackboneTokenizerFile = "tokenizer.json";

    private static Target Safetensors(Samples samples) => new(
        "safetensors", [samples.BackboneFiles()["model.safetensors"], SafetensorsWriter.ToBytes([SafetensorsTensor.Of("a", [1, 2, 3, 4], 2, 2)])], bytes =>
        {
            var file = SafetensorsFile.Read("file", bytes);
            foreach (var name in file.Names)
                _ = file[name].AsStored().Length;
        });

    private static Target Config(Samples samples) => new(
        "config", [samples.BackboneFiles()["config.json"], .. samples.OfMaterial("configs", "*.json", 1 << 16)],
        bytes => LlamaConfigFile.Parse(bytes, "config.json"));

    /// <summary>Weights and configuration of a backbone, up to the score of a sequence.</summary>
    private static Target Backbone(Samples samples)
    {
        var files = samples.BackboneFiles();
        return new("backbone", [Join(files["config.json"], files["model.safetensors"])], bytes =>
        {
            var (config, weights) = Split(bytes);
            Score(new Dictionary<string, byte[]>(files) { ["config.json"] = config, ["model.safetensors"] = weights });
        })
        {
            Allows = AllowsScoring,
            ShortInputs = Slow,
            Change = ChangeOne,
        };
    }

    private static Target BitsAndBytes(Samples samples)
    {
        // The linear maps of the small backbone in 4 bits, twice quantized.
        var folder = samples.File("nf4");
        if (!Directory.Exists(folder))
            samples.Context.Model.Quantize(samples.Backbone, folder);
        var files = Directory.GetFiles(folder).ToDictionary(path => Path.GetFileName(path), System.IO.File.ReadAllBytes);
        List<byte[]> seeds = [Join(files["config.json"], files["model.safetensors"])];
        string[] others = samples.Material is null ? [] : Directory.GetDirectories(Path.Combine(samples.Material, "bnb"));
        foreach (var other in others.Order(StringComparer.Ordinal))
        {
            var (config, weights) = (Path.Combine(other, "config.json"), Path.Combine(other, "model.safetensors"));
            if (System.IO.File.Exists(config) && System.IO.File.Exists(weights))
                seeds.Add(Join(System.IO.File.ReadAllBytes(config), System.IO.File.ReadAllBytes(weights)));
        }
        return new("bitsandbytes", seeds, bytes =>
        {
            var (config, weights) = Split(bytes);
            Score(new Dictionary<string, byte[]>(files) { ["config.json"] = config, ["model.safetensors"] = weights });
        })
        {
            Allows = AllowsScoring,
            ShortInputs = Slow,
            Change = ChangeOne,
        };
    }

    private static Target Gguf(Samples samples)
    {
        var path = Path.Combine(Path.GetTempPath(), $"moka-fuzz-{Environment.ProcessId}.gguf");
        List<byte[]> seeds = [];
        foreach (var format in (GgufFormat[])[GgufFormat.F16, GgufFormat.Q8_0])
        {
            samples.Context.Model.SaveGguf(
                samples.Backbone, null, path, new GgufOptions { Format = format, WithModelfile = false, PreTokenizer = "llama-bpe" });
            seeds.Add(System.IO.File.ReadAllBytes(path));
        }
        seeds.AddRange(samples.OfMaterial("gguf", "model.gguf", 700_000));
        return new("gguf", seeds, bytes =>
        {
            System.IO.File.WriteAllBytes(path, bytes);
            try
            {
                var files = BackboneFiles.At(path);
                Score(files);
                if (files.Contains(BackboneTokenizerFile))
                    BackboneTokenizer.Load(files).Encode(Sentence, addBeginOfSequence: false);
            }
            finally
            {
                System.IO.File.Delete(path);
            }
        })
        {
            Allows = AllowsScoring,
            ShortInputs = Slow,
        };
    }

    private static Target AdapterWeights(Samples samples) => Adapter("adapter", samples, ChangeOne);

    private static Target AdapterConfig(Samples samples) => Adapter("adapter-config", samples, (mutator, random, one, other) =>
    {
        var ((config, weights), (otherConfig, _)) = (Split(one), Split(other));
        return Join(mutator.Mutate(config, otherConfig), weights);
    });

    private static Target Adapter(string name, Samples samples, Func<Mutator, Random, byte[], byte[], byte[]> change)
    {
        var config = LlamaConfigFile.Parse(samples.BackboneFiles()["config.json"], "config.json");
        List<byte[]> seeds = [];
        StoredMatrix Random(MapShape shape, ulong seed) => new RandomWeights(config, seed).Matrix(shape.Name, shape.Rows, shape.Columns, isLinearMap: true);

        foreach (var method in AdapterMethods.Names)
        {
            using var backend = new CpuBackend(1);
            using var adapters = AdapterSet.Create(
                backend, AdapterMethods.Create(method), config.LinearMaps, 1,
                new FrozenWeights(shape => backend.Upload(Random(shape, 1))) { Original = shape => (DenseMatrix)Random(shape, 2) });
            var (options, tensors) = AdapterConversion.Convert(AdapterFileFormat.AsTrained, backend, adapters);
            seeds.Add(Join(AdapterConfigFile.Write(options, [.. config.LinearMaps], null), SafetensorsWriter.ToBytes(tensors, CheckpointWriter.Metadata)));
        }
        return new(name, seeds, bytes =>
        {
            var (json, weights) = Split(bytes);
            var files = new MemoryFiles("adapter", new Dictionary<string, byte[]> { [AdapterConfigFile.Name] = json, [StoredAdapter.WeightsName] = weights });
            using var stored = StoredAdapter.Open(files, config.LinearMaps, config.Shape);
            using var backend = new CpuBackend(1);
            using var adapters = stored.Load(backend);
            foreach (var parameter in adapters.Parameters)
                RequireFinite(WeightSnapshot.Download(backend, parameter.Value), parameter.Name);
        })
        {
            Change = change,
            ShortInputs = Slow,
        };
    }

    private static Target Tokenizer(
        Samples samples, string name, string file, Dictionary<string, byte[]> small, string folder, string pattern) => new(
        name, [small[file], .. samples.OfMaterial(folder, pattern, 300_000)], bytes =>
        {
            var tokenizer = BackboneTokenizer.Load(new MemoryFiles("small", new Dictionary<string, byte[]>(small) { [file] = bytes }));
            var ids = tokenizer.Encode(Sentence, addBeginOfSequence: tokenizer.BeginOfSequence is not null);
            if (Array.Exists(ids, id => id < 0 || id >= tokenizer.VocabularySize))
                throw new WrongException("an id is outside the vocabulary");
        });

    private static Target Template() => new(
        "prompt",
        ["{text} is"u8.ToArray(), "### Instruction:\n{instruction}\n{input}\n### Response:\n"u8.ToArray(), "{candidates}: {text}{{"u8.ToArray()],
        bytes => _ = new PromptTemplate(Encoding.UTF8.GetString(bytes)))
    {
        Allows = e => e is ArgumentException,
    };

    private static Target ChatTemplate(Samples samples)
    {
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.ByteLevel());
        ChatTurn[] turns = [new(new("system"), "Be short."), new(new("user"), "the and {{ 1 }}"), new(new("assistant"), "an"), new(new("user"), "in")];
        List<byte[]> seeds = [.. samples.OfMaterial("chat", "*.jinja", 1 << 16)];
        seeds.Add("{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% endfor %}"u8.ToArray());
        return new("chat-template", seeds, bytes =>
        {
            var template = Moka.ChatTemplate.FromJinja(Encoding.UTF8.GetString(bytes));
            template.Render(turns, tokenizer);
        })
        {
            Allows = e => e is ArgumentException or FormatException or InvalidDataException or InvalidOperationException,
        };
    }

    private static Target Benchmark(Samples samples)
    {
        var path = samples.File("benchmark.json");
        return new("benchmark",
        [
            .. samples.OfMaterial("benchmarks", "*.json", 200_000).Select(bytes => bytes[..Math.Min(bytes.Length, 20_000)]),
            """[{"instruction":"Which? Answer1: a Answer2: b","input":"","output":"the correct answer is answer1","answer":"answer1"}]"""u8.ToArray(),
            "{\"question\":\"Is it?\",\"passage\":\"It is.\",\"answer\":true}\n"u8.ToArray(),
        ], bytes =>
        {
            System.IO.File.WriteAllBytes(path, bytes);
            foreach (var task in BenchmarkTask.All)
            {
                try
                {
                    foreach (var row in BenchmarkFile.ReadInstructions(path, task))
                        _ = row.ToString();
                }
                catch (InvalidDataException)
                {
                }
            }
        });
    }

    private static Target Conversations(Samples samples)
    {
        var path = samples.File("chats.jsonl");
        return new("conversations",
        [
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n"u8.ToArray(),
            "{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"},{\"from\":\"gpt\",\"value\":\"b\"}]}\n"u8.ToArray(),
        ], bytes =>
        {
            System.IO.File.WriteAllBytes(path, bytes);
            foreach (var row in JsonRows.Read(path))
                _ = ConversationJson.Read(row.Fields);
        });
    }

    private static Target Csv() => new(
        "csv", ["a,b\n\"c,\"\"d\"\"\",e\n"u8.ToArray(), "\"a\nb\",c\r\n,,\r\n"u8.ToArray()],
        bytes => _ = CsvRecords.Read(new StreamReader(new MemoryStream(bytes)), "rows.csv", ',').Sum(record => record.Fields.Length));

    private static Target Results(Samples samples)
    {
        var path = samples.File("results.jsonl");
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["backbone"] = "sha256:1", ["prompt"] = "{text} is" };
        System.IO.File.Delete(path);
        using (var file = ResultsFile.Open(path, settings))
        {
            for (var first = 0; first < 6; first += 2)
                file.Add(new AnsweredBatch("PIQA", first, 0.5, 100, [AnswerOf(first), AnswerOf(first + 1)]));
        }
        var whole = System.IO.File.ReadAllBytes(path);
        var expected = Text(whole);
        return new("results", [whole], bytes =>
        {
            var text = Text(bytes);
            if (!expected.StartsWith(text, StringComparison.Ordinal))
                throw new WrongException($"other answers: {text}");
        });

        // What an evaluation goes on with; fewer answers are answered again.
        string Text(byte[] bytes)
        {
            System.IO.File.WriteAllBytes(path, bytes);
            using var file = ResultsFile.Open(path, settings);
            return string.Join('\n', file.Batches.SelectMany(batch => batch.Answers.Select(answer =>
                $"{batch.Task} {batch.First} {batch.Seconds} {batch.Tokens} {answer with { Candidates = [], LogLikelihoods = null }} " +
                $"{string.Join(' ', answer.Candidates)} {string.Join(' ', answer.LogLikelihoods ?? [])}")));
        }

        static BenchmarkAnswer AnswerOf(int question) => new()
        {
            Label = "solution1",
            Predicted = question % 2 == 0 ? "solution1" : "solution2",
            IsCorrect = question % 2 == 0,
            Candidates = ["solution1", "solution2"],
            LogLikelihoods = [-1.25 - question, -2.5],
        };
    }

    private static Target Report(Samples samples)
    {
        var folder = samples.File("report");
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("0110")));
        new BenchmarkReport([metrics]).Save(folder);
        var path = Path.Combine(folder, "report.json");
        return new("report", [System.IO.File.ReadAllBytes(path)], bytes =>
        {
            System.IO.File.WriteAllBytes(path, bytes);
            EarlierReport.Read(path);
        });
    }

    private static Target Checkpoint(Samples samples)
    {
        var path = samples.File("training.safetensors");
        var config = LlamaConfigFile.Parse(samples.BackboneFiles()["config.json"], "config.json") with { VocabularySize = 64, LayerCount = 1 };
        var backend = new CpuBackend(1);
        var backbone = LlamaBackbone.Frozen(backend, config, new RandomWeights(config, 1));
        var adapters = AdapterSet.Create(backend, new LoraAdapter { Rank = 1, TargetModules = ["q_proj"] }, config.LinearMaps, 1);
        var model = new TrainedModel(backbone, adapters);
        TrainingExample[] examples = [.. Enumerable.Range(0, 6).Select(i => new TrainingExample([i, 2, 3, 4, i + 5], 3))];
        var plan = TrainingPlan.Of(new MokaTrainer.Options { NumberOfSteps = 4, BatchTokens = 16 }, 1, 1e-2f, 0);
        using (var run = new TrainingRun(model, plan, examples, examples))
        {
            run.Step(default);
            run.Step(default);
            new TrainingCheckpoint(path, "run").Save(run);
        }
        var whole = System.IO.File.ReadAllBytes(path);
        var expected = State(whole);
        return new("checkpoint", [whole], bytes =>
        {
            if (State(bytes) != expected)
                throw new WrongException("another state was resumed");
        });

        string State(byte[] bytes)
        {
            System.IO.File.WriteAllBytes(path, bytes);
            using var run = new TrainingRun(model, plan, examples, examples);
            new TrainingCheckpoint(path, "run").LoadIfPresent(run);
            return string.Join(' ', model.Parameters.SelectMany(parameter => WeightSnapshot.Download(backend, parameter.Value))
                .Select(BitConverter.SingleToUInt32Bits)) + run.State;
        }
    }

    /// <summary>A model's zip, as bytes and entry by entry, up to its scores.</summary>
    private static Target Zip(Samples samples)
    {
        var path = samples.File("model.zip");
        samples.Context.Model.SaveAtomically(samples.Model, samples.Data.Schema, path);
        var whole = WithoutTimes(System.IO.File.ReadAllBytes(path));
        var expected = samples.Scores(samples.Model);
        // ML.NET's own part of the zip says things of its own; what no reader may say are an author's mistakes.
        return new("zip", [whole], bytes =>
        {
            System.IO.File.WriteAllBytes(path, bytes);
            var loaded = samples.Context.Model.Load(path, out _);
            using var disposed = loaded as IDisposable;
            if (loaded is MokaTransformer or IEnumerable<ITransformer> && samples.Scores(loaded) != expected)
                throw new WrongException("other scores");
        })
        {
            Allows = AllowsOfMlNet,
            ShortInputs = Slow,
            Change = (mutator, random, one, other) => random.Next(2) == 0 ? mutator.Mutate(one, other) : ChangeEntry(mutator, random, one),
        };
    }

    /// <summary>Values that are finite may be so large that what is computed with them is not: that is said, and not given as a score.</summary>
    private static bool AllowsScoring(Exception e) =>
        Target.IsRefusal(e) || e is InvalidOperationException && e.Message.StartsWith("The scores are not finite", StringComparison.Ordinal);

    private static bool AllowsOfMlNet(Exception e)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is WrongException)
                return false;
            // Only what this package's own code has thrown.
            if (inner is NullReferenceException or IndexOutOfRangeException or OutOfMemoryException or InvalidCastException or OverflowException
                or ArgumentOutOfRangeException or KeyNotFoundException
                && inner.StackTrace?.TrimStart().StartsWith("at Microsoft.ML.Moka", StringComparison.Ordinal) == true)
                return false;
        }
        return true;
    }

    /// <summary>The same zip, whenever it was written: the times of its entries stand in the headers before them and in the directory.</summary>
    private static byte[] WithoutTimes(byte[] zip)
    {
        for (var at = 0; at + 16 <= zip.Length; at++)
        {
            if (zip.AsSpan(at).StartsWith("PK\u0003\u0004"u8))
                zip.AsSpan(at + 10, 4).Clear();
            else if (zip.AsSpan(at).StartsWith("PK\u0001\u0002"u8))
                zip.AsSpan(at + 12, 4).Clear();
        }
        return zip;
    }

    private static byte[] ChangeEntry(Mutator mutator, Random random, byte[] zip)
    {
        using var stream = new MemoryStream();
        stream.Write(zip);
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Update, leaveOpen: true))
        {
            var entry = archive.Entries[random.Next(archive.Entries.Count)];
            using var content = entry.Open();
            using var copy = new MemoryStream();
            content.CopyTo(copy);
            var changed = mutator.Mutate(copy.ToArray(), []);
            content.SetLength(0);
            content.Write(changed);
        }
        return stream.ToArray();
    }

    private static void Score(Dictionary<string, byte[]> files) => Score(new MemoryFiles("backbone", files));

    private static void Score(BackboneFiles files)
    {
        using var backend = new CpuBackend(1);
        using var backbone = LlamaBackbone.Load(backend, files, new(BackboneQuantization.None));
        var row = new ScoringRow([1, 2, 3], [[4, 5], [6]], PromptIsCut: false);
        // A backbone of fewer positions, or of fewer tokens, has no room for the row: what reads it asks for no more than it has.
        if (backbone.Config.MaxPositions < row.Prompt.Length + 1 || backbone.Config.VocabularySize <= row.Answers.Max(answer => answer.Max()))
            return;
        foreach (var score in new LikelihoodScorer(backbone, null).Score([row])[0])
        {
            if (!double.IsFinite(score))
                throw new WrongException("a score is not finite");
        }
    }

    private static void RequireFinite(float[] values, string name)
    {
        if (!Array.TrueForAll(values, float.IsFinite))
            throw new WrongException($"{name} holds a NaN or an infinity");
    }

    /// <summary>Two files as one input: the length of the first stands before it.</summary>
    private static byte[] Join(byte[] first, byte[] second) => [.. BitConverter.GetBytes(first.Length), .. first, .. second];

    private static (byte[] First, byte[] Second) Split(byte[] joined)
    {
        var length = BitConverter.ToInt32(joined);
        return (joined[4..(4 + length)], joined[(4 + length)..]);
    }

    private static byte[] ChangeOne(Mutator mutator, Random random, byte[] one, byte[] other)
    {
        var ((a, b), (c, d)) = (Split(one), Split(other));
        return random.Next(2) == 0 ? Join(mutator.Mutate(a, c), b) : Join(a, mutator.Mutate(b, d));
    }
}
