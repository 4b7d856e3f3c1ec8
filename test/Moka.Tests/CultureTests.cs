using System.Globalization;

namespace Microsoft.ML.Moka.Tests;

/// <summary>
/// The tests run without the system's data of cultures, as if all the world wrote numbers alike. What writes and reads, runs once more in cultures with a
/// decimal comma, an i of their own, and digits and signs of their own.
/// </summary>
public sealed class CultureTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cultures => ["de-DE", "tr-TR", "ar-SA"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cultures))]
    public void The_tests_of_what_writes_and_reads_pass_in(string culture)
    {
        var output = FreshProcess.RunIn(typeof(CultureTests).Assembly, culture,
        [
            "*CultureTests+Alike", "*.Drawing.*", "*.Inspection.*", "*.Design.*", "*.Evaluation.Reports.*", "*.Files.GeneratedJsonTests", "*.Files.Csv*",
            "*PromptTemplateTests", "*LlamaConfigFileTests", "*PeftConfigTests", "*.Jinja.JinjaTemplateTests", "*GgufModelTests", "*SafetensorsTests",
            "*AdapterOptionsTests",
        ]);
        Assert.Contains("Failed: 0", output, StringComparison.Ordinal);
        Assert.SkipWhen(output.Contains("[SKIP]", StringComparison.Ordinal) && output.Contains(Alike.NoData, StringComparison.Ordinal), Alike.NoData);
    }

    /// <summary>Without the system's data too: a culture is what its formats are.</summary>
    [Fact]
    public void Files_are_the_same_where_numbers_have_a_comma()
    {
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator, comma.NumberFormat.NegativeSign) = (",", ".", "−");
        (comma.NumberFormat.PercentDecimalSeparator, comma.NumberFormat.PercentSymbol) = (",", "٪");
        new Alike(tuned).AssertSameIn(comma);
    }

    /// <summary>All that is written, to the byte as in the invariant culture.</summary>
    public sealed class Alike(TunedModel tuned)
    {
        public const string NoData = "This system has no data of cultures (ICU).";

        [Fact]
        public void Files_are_the_same_in_the_culture_of_this_process()
        {
            var culture = CultureInfo.CurrentCulture;
            Assert.SkipWhen(culture.Name.Length > 0 && culture.NumberFormat.Equals(CultureInfo.InvariantCulture.NumberFormat), NoData);
            AssertSameIn(culture);
        }

        internal void AssertSameIn(CultureInfo culture)
        {
            var expected = Written(CultureInfo.InvariantCulture);
            var found = Written(culture);
            Assert.Equal(expected.Keys, found.Keys);
            foreach (var (name, content) in expected)
                Assert.True(content == found[name], $"{name} differs in '{culture.Name}': {FirstDifference(content, found[name])}");
        }

        private SortedDictionary<string, string> Written(CultureInfo culture)
        {
            var before = (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture);
            (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture) = (culture, culture);
            try
            {
                using var folder = new TemporaryFolder();
                var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
                Write(folder, all);
                return all;
            }
            finally
            {
                (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture) = before;
            }
        }

        private void Write(TemporaryFolder folder, SortedDictionary<string, string> all)
        {
            var context = new MLContext(seed: 1);
            var options = tuned.FewSteps;
            options.ValidationFraction = 0.2;
            var curve = new TrainingCurve();
            options.Progress = curve.Add;
            using var chain = tuned.Pipeline(context, options).Fit(tuned.Train);
            var model = chain.LastTransformer;
            all["curve.svg"] = curve.ToSvg();
            var inspection = model.Inspect();
            (all["inspection"], all["gates.svg"], all["norms.svg"], all["ranks.svg"]) =
                ($"{inspection}", inspection.GatesToSvg(), inspection.NormsToSvg(), inspection.RanksToSvg());
            all["design"] = AdapterDesigner.ForBackbone(tuned.BackbonePath).ForBudget(new LoraAdapter { Alpha = 7.5f, Dropout = 0.05f }, 3_000).ToString();
            all["memory"] = AdapterDesigner.ForBackbone(tuned.BackbonePath).Describe(new CdkaAdapter()).ToString();
            model.SaveAdapter(folder.File("adapter"));
            model.SaveMerged(folder.File("merged"));
            model.SaveGguf(folder.File("merged.gguf"));
            var metrics = Evaluation.Reports.MadeUp.Metrics(
                "tuned", Evaluation.Reports.MadeUp.Task("BoolQ", Evaluation.Reports.MadeUp.Answers("1101110-")),
                Evaluation.Reports.MadeUp.Task("PIQA", Evaluation.Reports.MadeUp.Answers("0001")));
            all["metrics"] = $"{metrics}";
            new BenchmarkReport([metrics], null, DateTimeOffset.UnixEpoch).Save(folder.File("report"));
            new BenchmarkReport([metrics], new() { ComparedWith = folder.File("report") }, DateTimeOffset.UnixEpoch).Save(folder.File("compared"));
            foreach (var path in Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories))
                all[Path.GetRelativePath(folder.Path, path)] =
                    Path.GetExtension(path) is ".gguf" or ".safetensors" ? Convert.ToHexString(File.ReadAllBytes(path))
                    : File.ReadAllText(path).Replace(folder.Path, "", StringComparison.Ordinal);

            // What is read is the same too.
            context.Model.Save(chain, tuned.Train.Schema, folder.File("model.zip"));
            using var loaded = (IDisposable)context.Model.Load(folder.File("model.zip"), out _);
            all["scores"] = string.Join(' ', TunedModel.Scores(((ITransformer)loaded).Transform(tuned.Train))
                .SelectMany(scores => scores.Select(BitConverter.SingleToInt32Bits)));
            using var adapted = model.WithAdapter(folder.File("adapter"));
            all["adapted"] = string.Join(' ', TunedModel.Scores(adapted.Transform(chain.Transform(tuned.Train))).Select(scores => scores[0] > 0.5f));
        }

        private static string FirstDifference(string expected, string found)
        {
            var at = expected.Zip(found).TakeWhile(pair => pair.First == pair.Second).Count();
            return $"'{Around(found)}' instead of '{Around(expected)}'";

            string Around(string text) => text[Math.Min(text.Length, Math.Max(0, at - 20))..Math.Min(text.Length, at + 20)];
        }
    }
}
