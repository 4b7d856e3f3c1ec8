using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Generation;

namespace Microsoft.ML.Moka.Tests.Generation;

/// <summary>The model as a transformer: rows, batches, cursors, engines.</summary>
public sealed class TextGeneratorTests(WritingModel writing)
{
    private readonly MLContext _context = new(seed: 2);

    public static TheoryData<float> Temperatures => [0, 1];

    [Theory]
    [MemberData(nameof(Temperatures))]
    public void A_text_does_not_depend_on_the_rows_around_it(float temperature)
    {
        using var model = Untaught(new() { MaximumNewTokens = 12, Temperature = temperature, Seed = 5 });
        var orders = Orders(70);

        var together = WritingModel.Texts(model.Transform(View(orders)));
        var reversed = WritingModel.Texts(model.Transform(View(Enumerable.Reverse(orders))));
        var alone = orders.Select(order => WritingModel.Texts(model.Transform(View([order])))[0]).ToList();

        Assert.Equal(alone, together);
        Assert.Equal(Enumerable.Reverse(alone), reversed);
        Assert.True(together.Distinct().Count() > 10);
    }

    /// <summary>More texts than fit into one batch of tokens.</summary>
    [Fact]
    public void Pieces_and_texts_belong_to_their_prompts_over_several_batches()
    {
        using var model = Untaught(new());
        var generator = new AnswerGenerator(model.Weights, model.Parts.Tokenizer);
        var options = new TextGenerationOptions { MaximumNewTokens = 110, Temperature = 1, Seed = 0, StopWords = ["e", "a"] };
        var form = new AnswerForm("", model.Parts.Tokenizer.EndsOfSequence);
        var prompts = Enumerable.Range(0, 45).Select(i => model.Parts.Tokenizer.Encode($"b{i}", true)).ToList();
        var pieces = prompts.Select(_ => new StringBuilder()).ToList();

        var answers = generator.Generate(prompts, options, form, (prompt, piece) => pieces[prompt].Append(piece), CancellationToken.None);

        Assert.Equal(answers.Select(answer => answer.Text), pieces.Select(text => text.ToString()));
        Assert.All([0, 20, 34, 44], i => Assert.Equal(generator.Generate([prompts[i]], options, form, null, CancellationToken.None)[0], answers[i]));
        Assert.Empty(generator.Generate([], options, form, null, CancellationToken.None));
        Assert.Throws<OperationCanceledException>(() => generator.Generate(prompts, options, form, null, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void The_same_seed_gives_the_same_text_and_another_one_another()
    {
        using var model = Untaught(new() { MaximumNewTokens = 12, Temperature = 1, Seed = 5 });
        var data = View(Orders(5));
        var first = WritingModel.Texts(model.Transform(data));

        Assert.Equal(first, WritingModel.Texts(model.Transform(data)));
        model.Options = model.Options with { Seed = 6 };
        var second = WritingModel.Texts(model.Transform(data));
        Assert.NotEqual(first, second);
        model.Options = model.Options with { Seed = 5 };
        Assert.Equal(first, WritingModel.Texts(model.Transform(data)));
    }

    [Fact]
    public void Stop_words_cut_the_text_where_they_begin()
    {
        using var model = Untaught(new() { MaximumNewTokens = 40 });
        var data = View(Orders(1));
        var free = WritingModel.Texts(model.Transform(data))[0];
        // Several characters that the model writes in a row, so that they span tokens.
        var word = free.Substring(free.Length / 2, 3);

        model.Options = model.Options with { StopWords = ["none of this", word] };

        Assert.Equal(free[..free.IndexOf(word, StringComparison.Ordinal)], WritingModel.Texts(model.Transform(data))[0]);
    }

    [Fact]
    public void The_most_tokens_and_the_positions_of_the_backbone_end_a_text()
    {
        using var model = Untaught(new() { MaximumNewTokens = 7 });

        var seven = WritingModel.Texts(model.Transform(View(Orders(1))))[0];
        model.Options = model.Options with { MaximumNewTokens = 100_000 };
        var all = WritingModel.Texts(model.Transform(View(Orders(1))))[0];

        Assert.StartsWith(seven, all, StringComparison.Ordinal);
        Assert.True(all.Length > seven.Length);
    }

    [Fact]
    public void Long_prompts_keep_their_end_and_a_warning_counts_them()
    {
        var context = new MLContext(seed: 1);
        var lines = new List<string>();
        context.Log += (_, e) => lines.Add(e.Message);
        using var model = WritingModel.Trainer(context, writing.FewSteps).Fit(writing.Train);

        var texts = WritingModel.Texts(model.Transform(View([new Order { Instruction = new string('x', 500) }, new Order
        {
            Instruction = new string('y', 500) + new string('x', 200),
        }])));

        Assert.Equal(texts[0], texts[1]);
        Assert.Contains(lines, line => line.Contains("lost their beginning: 2", StringComparison.Ordinal));
    }

    [Fact]
    public void Empty_and_missing_texts_are_prompts_too()
    {
        var texts = WritingModel.Texts(
            writing.Model.Transform(View([new Order(), new Order { Instruction = null!, Input = null! }, new Order { Instruction = "sky" }])));

        Assert.Equal(texts[0], texts[1]);
        Assert.Equal(WritingModel.AnswerToSky, texts[2]);
        using var plain = Untaught(new() { MaximumNewTokens = 4 }, PromptTemplate.Plain);
        Assert.Single(WritingModel.Texts(plain.Transform(View([new Order()]))));
    }

    [Fact]
    public void Nothing_is_generated_before_it_is_asked_for()
    {
        var model = Untaught(new() { MaximumNewTokens = 4 });
        var view = model.Transform(View(Orders(3)));
        model.Dispose();

        Assert.Equal(["a0", "a1", "a2"], WritingModel.Texts(view, "Instruction"));
        Assert.Equal("MokaTextGenerator", Assert.Throws<ObjectDisposedException>(() => WritingModel.Texts(view)).ObjectName);
    }

    [Fact]
    public void Parallel_cursors_and_threads_get_the_same_texts()
    {
        using var model = Untaught(new() { MaximumNewTokens = 10, Temperature = 1 });
        var orders = Orders(20);
        var view = model.Transform(View(orders));
        var expected = orders.Zip(WritingModel.Texts(view)).ToDictionary(p => p.First.Instruction, p => p.Second);

        Parallel.For(0, 3, _ => Assert.Equal(expected.Values, WritingModel.Texts(view)));

        var found = new Dictionary<string, string>();
        var columns = view.Schema.Where(c => c.Name is "Instruction" or "Generated").ToArray();
        foreach (var cursor in view.GetRowCursorSet(columns, 3))
        {
            var instruction = cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Instruction"]);
            var generated = cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Generated"]);
            var (i, g) = (default(ReadOnlyMemory<char>), default(ReadOnlyMemory<char>));
            while (cursor.MoveNext())
            {
                instruction(ref i);
                generated(ref g);
                found.Add(i.ToString(), g.ToString());
            }
        }
        Assert.Equal(expected.OrderBy(p => p.Key), found.OrderBy(p => p.Key));
    }

    [Fact]
    public void Prediction_engines_write_what_transform_writes()
    {
        using var engine = _context.Model.CreatePredictionEngine<Order, Reply>(writing.Model, new PredictionEngineOptions { OwnsTransformer = false });

        Assert.Equal(WritingModel.AnswerToSky, engine.Predict(new Order { Instruction = "sky" }).Generated);
        Assert.Equal(WritingModel.AnswerToSeaAtNight, engine.Predict(new Order { Instruction = "sea", Input = "night" }).Generated);
        Assert.Equal(WritingModel.AnswerToSea, engine.Predict(new Order { Instruction = "sea" }).Generated);
    }

    [Fact]
    public void The_column_can_have_another_name_and_stand_in_a_chain()
    {
        var options = writing.FewSteps;
        options.GeneratedColumnName = "Said";
        using var chain = _context.Transforms.Conversion.MapValueToKey("Key", "Input").Append(WritingModel.Trainer(_context, options)).Fit(writing.Train);

        Assert.Equal(3, WritingModel.Texts(chain.Transform(writing.Train), "Said").Count);
    }

    private static List<Order> Orders(int count) => [.. Enumerable.Range(0, count).Select(i => new Order
    {
        Instruction = $"a{i}",
        Input = i % 3 == 0 ? "the end" : "",
    })];

    private IDataView View(IEnumerable<Order> orders) => _context.Data.LoadFromEnumerable(orders);

    /// <summary>A model that has learned nothing: it writes long nonsense.</summary>
    private MokaTextGenerator Untaught(TextGenerationOptions generation, PromptTemplate? template = null)
    {
        var options = writing.FewSteps;
        options.Generation = generation;
        if (template is not null)
            (options.PromptTemplate, options.InputColumnName) = (template, null);
        return WritingModel.Trainer(_context, options).Fit(writing.Train);
    }
}
