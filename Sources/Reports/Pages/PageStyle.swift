/// What all pages look like: in light and dark, on phones and on paper.
///
/// The colors of series are those of Okabe and Ito, which people with any color vision tell apart, lighter in the dark.
enum PageStyle {
    static let css = """
        :root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#e2e6eb;--strong:#c4ccd6;\
        --student:#0072b2;--ensemble:#c2570c;--baseline:#00825d;--teacher:#8a5a94;--other:#7a6a10;--good:#00704f;--goodback:#e2f4ed;\
        --bad:#b3261e;--badback:#fbe9e7;--heat:0,114,178}
        @media(prefers-color-scheme:dark){:root{--page:#11151a;--card:#191f27;--ink:#e8ecf1;--soft:#9aa7b6;--line:#2b343f;--strong:#465362;\
        --student:#56b4e9;--ensemble:#f0953c;--baseline:#2fc795;--teacher:#d58fc4;--other:#e0cf4f;--good:#4fd6a5;--goodback:#12352a;\
        --bad:#ff8a80;--badback:#3d1d1b;--heat:86,180,233}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;\
        font-variant-numeric:tabular-nums}
        main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}
        header p{margin:2px 0 0;color:var(--soft)}
        h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere;letter-spacing:-.01em}
        h2{font-size:18px;margin:0 0 4px;letter-spacing:-.005em}
        h2+p{margin:0 0 12px;color:var(--soft);max-width:75ch}
        nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:16px 0 0;font-size:14px}
        a{color:var(--student)}nav a{text-decoration:none}nav a:hover{text-decoration:underline}
        section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 24px;margin-top:20px}
        .verdict{display:inline-block;border-radius:6px;padding:2px 10px;font-weight:600;margin-top:12px}
        .fits{background:var(--goodback);color:var(--good)}.over{background:var(--badback);color:var(--bad)}.open{background:var(--line);color:var(--ink)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:16px}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
        .tile b{display:block;font-size:24px;line-height:1.25;font-weight:650}
        .tile span{color:var(--soft);font-size:13px;display:block}
        .meter{height:8px;border-radius:4px;background:var(--line);overflow:hidden;margin-top:10px}
        .meter i{display:block;height:100%;background:var(--student);border-radius:4px}.meter.full i{background:var(--bad)}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:14px}
        th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
        th{font-weight:600;color:var(--soft);font-size:13px;border-bottom-color:var(--strong)}
        th.text,td.text{text-align:left}td.name{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:9em}
        th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
        tr.main td{font-weight:650}tr.rule td{border-top:1px solid var(--strong)}tbody tr:last-child td{border-bottom:0}
        small,.soft{color:var(--soft);font-size:13px;font-weight:400}
        .swatch{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px;background:currentColor}
        ul{margin:14px 0 0;padding-left:1.2em}li{margin:3px 0;overflow-wrap:anywhere}li.warning{color:var(--bad)}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:20px 28px}
        figure{margin:0;min-width:0}figcaption{font-size:14px;font-weight:600;margin-bottom:4px;display:flex;flex-wrap:wrap;gap:0 14px;align-items:baseline}
        .legend{font-weight:400;font-size:13px;color:var(--soft);display:flex;flex-wrap:wrap;gap:0 12px}
        .key{display:inline-flex;align-items:center;gap:6px}.key i{display:inline-block;background:currentColor}
        i.dash{width:16px;height:3px;border-radius:2px}i.dot{width:9px;height:9px;border-radius:50%}
        svg{display:block;width:100%;height:auto;max-width:620px;overflow:visible}svg.wide{max-width:none}
        svg text{fill:var(--soft);font-size:12px;font-family:inherit}svg text.label{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}svg text.name{font-style:italic}
        svg path{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}svg circle{fill:currentColor;stroke:var(--card);stroke-width:1.5}
        svg circle.small{stroke:none}
        .grid{stroke:var(--line)}.axis,.tick{stroke:var(--strong)}.diagonal{stroke:var(--strong);stroke-dasharray:4 4}
        .limit{stroke:var(--bad);stroke-dasharray:5 4}
        .student{color:var(--student)}.ensemble{color:var(--ensemble)}.baseline{color:var(--baseline)}.teacher{color:var(--teacher)}\
        .other{color:var(--other)}.frontier{color:var(--soft)}
        path.ensemble{stroke-dasharray:7 3}path.baseline{stroke-dasharray:2.5 3}path.frontier{stroke-width:1.5;stroke-dasharray:3 3}
        .bars{display:grid;grid-template-columns:minmax(5em,max-content) 1fr max-content;gap:5px 12px;align-items:center;font-size:14px}
        .bars span{overflow-wrap:anywhere;max-width:22em}.bars em{font-style:normal;text-align:right;white-space:nowrap}
        .bar{height:14px;border-radius:3px;background:var(--line);position:relative;min-width:40px}
        .bar i{display:block;height:100%;border-radius:3px;background:currentColor}
        .bar i+i{margin-top:2px}.bar.two{height:auto;background:none}.bar.two i{height:7px}
        .matrix{font-size:12px;width:auto}.matrix td,.matrix th{padding:0;text-align:center;border:1px solid var(--card);width:2.6em;height:2.1em;font-size:12px}
        .matrix th.text{padding-right:8px;text-align:right;width:auto;max-width:14em;overflow:hidden;text-overflow:ellipsis}
        .matrix td.hit{font-weight:650}
        .matrix thead th{max-width:3.4em;overflow:hidden;text-overflow:ellipsis;border-bottom:0}
        .beside{display:flex;flex-wrap:wrap;gap:8px 40px;align-items:flex-start}.beside>div{min-width:0}.beside>div:last-child{flex:1 1 280px}.beside h3{margin-top:4px}
        .examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:16px}
        .example{font-size:13px;min-width:0;overflow-wrap:anywhere}.example img{display:block;width:100%;max-width:160px;height:auto;max-height:160px;object-fit:contain;object-position:left;\
        image-rendering:pixelated;border-radius:4px;background:var(--line);margin-bottom:6px}
        .example img.spectrogram{height:110px;object-fit:fill}.example b{font-weight:600}
        td.sheet{text-align:left;white-space:normal}td.sheet img{width:60px;height:60px;object-fit:contain;image-rendering:pixelated;background:var(--line);\
        border-radius:3px;margin:2px 4px 2px 0;vertical-align:top}
        pre{background:var(--page);border:1px solid var(--line);border-radius:6px;padding:12px 14px;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;margin:6px 0 16px}
        h3{font-size:15px;margin:16px 0 6px}details{margin-top:14px}summary{cursor:pointer;color:var(--soft);font-size:14px}
        footer{color:var(--soft);font-size:13px;margin-top:24px;overflow-wrap:anywhere}
        @media(max-width:640px){main{padding:20px 12px 40px}section{padding:16px 14px;border-radius:8px}h1{font-size:22px}\
        th,td{padding:6px 6px}td.name{min-width:0}#results td small{display:block}.matrix td{width:1.9em;font-size:11px}.matrix th.text{max-width:6em}.tiles{grid-template-columns:repeat(2,1fr)}.tile b{font-size:20px}.wideonly{display:none}\
        .examples{grid-template-columns:repeat(2,1fr)}.bars{grid-template-columns:minmax(4em,30%) 1fr max-content;gap:5px 8px;font-size:13px}\
        .bars.long{grid-template-columns:1fr max-content;gap:1px 8px}.bars.long span{grid-column:1/-1;max-width:none;margin-top:5px}}
        @media print{:root{color-scheme:light;--page:#fff}body{font-size:11pt}main{max-width:none;padding:0}section{break-inside:avoid;border:0;padding:10px 0}nav{display:none}}
        """
}
